"""Lists a server's SAEs, explains a user's recommendations, and shows what an error carries."""
import sys

import grpc
from google.rpc import error_details_pb2, status_pb2
from recsae.concept_store.v1 import concept_store_pb2 as cs, concept_store_pb2_grpc
from recsae.explainer.v1 import explainer_pb2 as ex, explainer_pb2_grpc

address, sae, capture, user = sys.argv[1:]
channel = grpc.insecure_channel(address)
store = concept_store_pb2_grpc.ConceptStoreStub(channel)
explainer = explainer_pb2_grpc.ExplainerStub(channel)

for listed in store.ListSaes(cs.ListSaesRequest()).saes:
    print(f"{listed.name}: {listed.latent_count} latents")

subject = ex.Subject(captured_user=ex.Subject.CapturedUser(capture=capture, user_id=user))
for latent in explainer.Explain(ex.ExplainRequest(sae=sae, subject=subject)).explanations[0].latents:
    print(f"{latent.latent} {latent.activation:.4f} {latent.description}")

try:
    store.GetSae(cs.GetSaeRequest(name="saes/none"))
except grpc.RpcError as error:
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo()
    status_pb2.Status.FromString(details).details[0].Unpack(info)
    print(info.reason, *(f"{key}={value}" for key, value in info.metadata.items()))
