// recsae-trainer: turns captures into sparse autoencoders.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/math/simd/instruction_set.h"
#include "common/process/server.h"
#include "services/trainer/module.h"

int main(int argc, char** argv) {
  recsae::ServerSpec spec;
  spec.program = "recsae-trainer";
  spec.description =
      "Trains sparse autoencoders on activations that it reads from recsae-probe, and publishes "
      "them "
      "to recsae-concept-store.";
  spec.examples =
      "recsae-trainer --probe 10.0.0.5:7401 --concept-store 10.0.0.6:7403\n"
      "    serves on 127.0.0.1:7402 and calls the two peers there\n";
  spec.version_lines = {absl::StrCat("instruction set: ", recsae::math::InstructionSet())};
  spec.port = 7402;
  spec.metrics_port = 9402;
  spec.modules.push_back(std::make_unique<recsae::trainer::TrainerModule>());
  return recsae::RunServer(argc, argv, std::move(spec));
}
