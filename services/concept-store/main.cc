// recsae-concept-store: the dictionary of SAEs and concepts as a server of its own.
#include <memory>
#include <utility>

#include "common/process/server.h"
#include "services/concept-store/module.h"

int main(int argc, char** argv) {
  recsae::ServerSpec spec;
  spec.program = "recsae-concept-store";
  spec.description =
      "Keeps the dictionary: published SAEs and, for each latent, its concept with scores, "
      "evidence, edit history, search and a change feed.";
  spec.examples =
      "recsae-concept-store --data-dir /var/lib/recsae --listen 0.0.0.0:7403\n"
      "    Serve the dictionary in that directory to other machines.";
  spec.port = 7403;
  spec.metrics_port = 9403;
  spec.modules.push_back(std::make_unique<recsae::concept_store::ConceptStoreModule>());
  return recsae::RunServer(argc, argv, std::move(spec));
}
