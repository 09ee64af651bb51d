// recsae-standalone: the four services in one process, on one port, with one data directory.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/math/simd/instruction_set.h"
#include "common/process/server.h"
#include "services/concept-store/module.h"
#include "services/explainer/module.h"
#include "services/probe/module.h"
#include "services/trainer/module.h"

int main(int argc, char** argv) {
  recsae::ServerSpec spec;
  spec.program = "recsae-standalone";
  spec.description =
      "All of the suite in one process: recommenders and their activations (probe), training of "
      "sparse autoencoders (trainer), the dictionary (concept-store), explanations and steering "
      "(explainer).";
  spec.examples =
      "  recsae-standalone\n"
      "      Serve on 127.0.0.1:7400 and keep everything below ~/.local/share/recsae.\n"
      "  recsae-standalone --listen 127.0.0.1:0 --port-file /tmp/port --data-dir /tmp/recsae\n"
      "      Serve on any free port and say in a file which.";
  spec.version_lines = {absl::StrCat("instruction set: ", recsae::math::InstructionSet())};
  spec.port = 7400;
  spec.metrics_port = 9400;
  // Those that are called come before those that call them.
  spec.modules.push_back(std::make_unique<recsae::probe::ProbeModule>());
  spec.modules.push_back(std::make_unique<recsae::concept_store::ConceptStoreModule>());
  spec.modules.push_back(std::make_unique<recsae::trainer::TrainerModule>());
  spec.modules.push_back(std::make_unique<recsae::explainer::ExplainerModule>());
  return recsae::RunServer(argc, argv, std::move(spec));
}
