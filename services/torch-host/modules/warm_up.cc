#include "services/torch-host/modules/warm_up.h"

#include <torch/script.h>
#include <torch/torch.h>

#include "services/torch-host/models/single_thread.h"

namespace recsae::probe {
namespace {

constexpr char kProgram[] = R"(
def forward(self, x: Tensor) -> Tensor:
    y = torch.layer_norm(torch.matmul(x, x.t()), [8])
    return torch.conv1d(y.softmax(-1).unsqueeze(0), torch.ones(8, 8, 3)).sum()
)";

}  // namespace

void WarmUp() {
  const c10::InferenceMode inference;
  const SingleThreadedTorch single_threaded;
  torch::jit::Module module("WarmUp");
  module.define(kProgram);
  module.eval();
  (void)module.forward({torch::ones({8, 8})});
  (void)torch::randn({4});
}

}  // namespace recsae::probe
