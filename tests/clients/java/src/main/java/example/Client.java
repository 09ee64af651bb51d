package example;

import com.google.rpc.ErrorInfo;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Locale;
import recsae.concept_store.v1.ConceptStoreGrpc;
import recsae.concept_store.v1.GetSaeRequest;
import recsae.concept_store.v1.ListSaesRequest;
import recsae.explainer.v1.ExplainRequest;
import recsae.explainer.v1.ExplainerGrpc;
import recsae.explainer.v1.Subject;

/** Lists a server's SAEs, explains a user's recommendations, and shows what an error carries. */
public final class Client {
  public static void main(String[] args) throws Exception {
    var channel = Grpc.newChannelBuilder(args[0], InsecureChannelCredentials.create()).build();
    var store = ConceptStoreGrpc.newBlockingStub(channel);
    var explainer = ExplainerGrpc.newBlockingStub(channel);

    for (var listed : store.listSaes(ListSaesRequest.getDefaultInstance()).getSaesList()) {
      System.out.printf("%s: %d latents%n", listed.getName(), listed.getLatentCount());
    }

    var user = Subject.CapturedUser.newBuilder().setCapture(args[2]).setUserId(args[3]);
    var request = ExplainRequest.newBuilder().setSae(args[1])
        .setSubject(Subject.newBuilder().setCapturedUser(user)).build();
    for (var latent : explainer.explain(request).getExplanations(0).getLatentsList()) {
      System.out.printf(Locale.ROOT, "%d %.4f %s%n", latent.getLatent(), latent.getActivation(),
          latent.getDescription());
    }

    try {
      store.getSae(GetSaeRequest.newBuilder().setName("saes/none").build());
    } catch (StatusRuntimeException error) {
      var info = StatusProto.fromThrowable(error).getDetails(0).unpack(ErrorInfo.class);
      System.out.print(info.getReason());
      info.getMetadataMap().forEach((key, value) -> System.out.printf(" %s=%s", key, value));
      System.out.println();
    }
    channel.shutdownNow();
  }
}
