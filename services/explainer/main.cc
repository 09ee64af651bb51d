// recsae-explainer: the explainer as a server of its own.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/math/simd/instruction_set.h"
#include "common/process/server.h"
#include "services/explainer/module.h"

int main(int argc, char** argv) {
  recsae::ServerSpec spec;
  spec.program = "recsae-explainer";
  spec.description =
      "Builds and verifies concepts, evaluates SAEs, and explains and steers recommendations.";
  spec.examples =
      "recsae-explainer --probe 127.0.0.1:7401 --concept-store 127.0.0.1:7403\n"
      "  serves on 127.0.0.1:7404 as a client of these two services";
  spec.version_lines = {absl::StrCat("instruction set: ", recsae::math::InstructionSet())};
  spec.port = 7404;
  spec.metrics_port = 9404;
  spec.modules.push_back(std::make_unique<recsae::explainer::ExplainerModule>());
  return recsae::RunServer(argc, argv, std::move(spec));
}
