// What a caller gives to have a TorchScript module hosted.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TORCH_TORCHSCRIPT_PARTS_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TORCH_TORCHSCRIPT_PARTS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace recsae::probe {

struct TorchscriptParts {
  std::string module;                    // what torch.jit.save wrote
  std::vector<float> item_vectors;       // [items, dim]
  int dim = 0;                           // length of an activation
  int history = 0;                       // items of history it is given at most
  int64_t users = 0;                     // users it knows
  std::vector<std::string> probe_sites;  // submodules by path
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TORCH_TORCHSCRIPT_PARTS_H_
