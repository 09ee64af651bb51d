// Tries a module's probe sites before they are accepted. For .cc files only: includes libtorch.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODULES_SITE_TRIAL_H_
#define RECSAE_SERVICES_TORCH_HOST_MODULES_SITE_TRIAL_H_

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/stored_module.h"
#include "services/torch-host/modules/torchscript_program.h"

namespace recsae::probe {

// Histories to try a module with: of 1 item, of as many as there may be, and between; of known and
// unknown users, the last item and user among them. `other_last` are the same with other last
// items.
struct Sample {
  Sample(int64_t items, int64_t users, int history);
  std::vector<std::vector<int32_t>> histories, other_histories;
  std::vector<Query> queries, other_last;
};

// Finds out size and padding of the site with this number. Resuming from its own output must give
// `whole`, what the module returns for the sample, and from another one something else.
//
// At a site with a row for each position, the row that is read has to change with the last item,
// and changing it has to change the output: on exactly one of the two sides, unless site->padding
// says which one to try. Values at rows that are not read do not matter. INVALID_ARGUMENT
// (PROBE_SITE_INVALID), or what the module fails with.
absl::Status TrySite(const TorchscriptProgram& program, size_t number, const Sample& sample,
                     int history, const torch::Tensor& whole, ModuleSite* site);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODULES_SITE_TRIAL_H_
