// Lists a server's SAEs, explains a user's recommendations, and shows what an error carries.
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { ConceptStore } from "./gen/recsae/concept_store/v1/concept_store_pb.js";
import { Explainer } from "./gen/recsae/explainer/v1/explainer_pb.js";

const [address, sae, capture, userId] = process.argv.slice(2);
const transport = createGrpcTransport({ baseUrl: `http://${address}` });
const store = createClient(ConceptStore, transport);
const explainer = createClient(Explainer, transport);

for (const listed of (await store.listSaes({})).saes) {
  console.log(`${listed.name}: ${listed.latentCount} latents`);
}

const subject = { subject: { case: "capturedUser", value: { capture, userId } } };
for (const latent of (await explainer.explain({ sae, subject })).explanations[0].latents) {
  console.log(`${latent.latent} ${latent.activation.toFixed(4)} ${latent.description}`);
}

try {
  await store.getSae({ name: "saes/none" });
} catch (error) {
  const [info] = error.findDetails(ErrorInfoSchema);
  const metadata = Object.entries(info.metadata).map(([key, value]) => `${key}=${value}`);
  console.log(info.reason, ...metadata);
}
