#include "services/trainer/peers/store_publisher.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <utility>

#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/client/idle_limit.h"
#include "common/client/peer.h"
#include "common/client/retry.h"
#include "common/jobs/job_runner.h"
#include "common/messages/sae_messages.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "services/trainer/peers/peer_retry.h"

namespace recsae::trainer {
namespace {

using concept_store::v1::PublishSaeRequest;
using concept_store::v1::Sae;
using Writer = grpc::ClientWriter<PublishSaeRequest>;

// False when the stream is broken.
bool WriteTo(Writer& writer, const sae::SaeWeights& weights, IdleLimit& limit) {
  return WriteWeights(weights, [&](concept_store::v1::SaeWeights& piece) {
    limit.Start();
    PublishSaeRequest message;
    message.mutable_weights()->Swap(&piece);
    return writer.Write(message);
  });
}

class StorePublisher : public SaePublisher {
 public:
  explicit StorePublisher(std::shared_ptr<Peer> store) : store_(std::move(store)) {}

  absl::StatusOr<Sae> Publish(const Sae& sae, const sae::SaeWeights& weights,
                              const std::string& request_id, const JobContext& job) override {
    PublishSaeRequest header;
    header.mutable_header()->set_sae_id(std::string(absl::StripPrefix(sae.name(), "saes/")));
    *header.mutable_header()->mutable_sae() = sae;
    header.mutable_header()->set_request_id(request_id);
    Sae published;
    RECSAE_RETURN_IF_ERROR(
        Retry(PeerRetry(job), [&] { return PublishOnce(header, weights, job, published); }));
    return published;
  }

 private:
  absl::Status PublishOnce(const PublishSaeRequest& header, const sae::SaeWeights& weights,
                           const JobContext& job, Sae& published) {
    grpc::ClientContext context;
    const auto on_cancel = job.OnCancel([&context] { context.TryCancel(); });
    const std::unique_ptr<Writer> writer = store_->PublishSae(&context, &published);
    IdleLimit limit(context, kPeerPatience);
    limit.Start();
    // When writing fails, Finish knows why.
    if (writer->Write(header) && WriteTo(*writer, weights, limit)) writer->WritesDone();
    return store_.peer().FromGrpc(writer->Finish());
  }

  PeerStub<concept_store::v1::ConceptStore> store_;
};

}  // namespace

std::unique_ptr<SaePublisher> MakeStorePublisher(std::shared_ptr<Peer> store) {
  return std::make_unique<StorePublisher>(std::move(store));
}

}  // namespace recsae::trainer
