// TorchScript modules made without Python, as torch.jit.save would write them.
#ifndef RECSAE_TESTS_UNIT_TORCH_HOST_TORCHSCRIPT_MODULES_H_
#define RECSAE_TESTS_UNIT_TORCH_HOST_TORCHSCRIPT_MODULES_H_

#include <torch/script.h>

#include <sstream>
#include <string>

namespace recsae::probe {

inline std::string Bytes(const torch::jit::Module& module) {
  std::ostringstream out;
  module.save(out);
  return out.str();
}

// A module with one method and the parameter `items` [items + 1, dim], row 0 zero, the others fixed
// numbers without pattern.
inline torch::jit::Module Scripted(const std::string& source, int items, int dim) {
  torch::jit::Module module("Module");
  torch::Tensor table = torch::sin(torch::arange(float(items + 1) * float(dim)).pow(2))
                            .view({items + 1, dim})
                            .contiguous();
  table[0].zero_();
  module.register_parameter("items", table, false);
  module.define(source);
  return module;
}

// Sums the history's vectors.
inline constexpr char kSum[] = R"(
def forward(self, history: Tensor, lengths: Tensor, user: Tensor) -> Tensor:
    return self.items[history].sum(1)
)";

// Two blocks of one type in a container, over prefix sums, with a copy in place between them:
// "blocks.0", "blocks.1" [B, L, dim] and "pool" [B, dim].
inline torch::jit::Module Layered(int items, int dim) {
  torch::jit::Module block("Block");
  block.register_parameter("weight", torch::eye(dim) * 0.5, false);
  block.define(
      "def forward(self, x: Tensor) -> Tensor:\n"
      "    return torch.tanh(torch.matmul(x, self.weight)) + x\n");
  torch::jit::Module other = block.deepcopy();
  other.setattr("weight", torch::roll(torch::eye(dim), 1) * -0.25);
  torch::jit::Module blocks("Blocks");
  blocks.register_module("0", block);
  blocks.register_module("1", other);
  torch::jit::Module pool("Pool");
  pool.define(
      "def forward(self, x: Tensor, lengths: Tensor) -> Tensor:\n"
      "    return x[torch.arange(x.size(0)), lengths - 1]\n");
  torch::jit::Module module =
      Scripted("def unused(self, x: Tensor) -> Tensor:\n    return x\n", items, dim);
  module.register_module("blocks", blocks);
  module.register_module("pool", pool);
  module.register_module("idle", block.deepcopy());
  module.register_module("twice", block.deepcopy());
  module.register_module("sometimes", block.deepcopy());
  module.define(R"(
def encode(self, history: Tensor) -> Tensor:
    x = torch.cumsum(self.items[history], 1)
    x = getattr(self.blocks, "0").forward(x)
    y = getattr(self.blocks, "1").forward(x)
    x += 1.0
    if history.size(1) > 1000:
        y = self.sometimes.forward(y)
    return x + y

def forward(self, history: Tensor, lengths: Tensor, user: Tensor) -> Tensor:
    x = self.encode(history)
    x = self.twice.forward(self.twice.forward(x))
    return self.pool.forward(x, lengths)
)");
  return module;
}

}  // namespace recsae::probe

#endif  // RECSAE_TESTS_UNIT_TORCH_HOST_TORCHSCRIPT_MODULES_H_
