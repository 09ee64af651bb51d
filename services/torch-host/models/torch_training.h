// Training and storing libtorch modules. For .cc files only: includes libtorch.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_TORCH_TRAINING_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_TORCH_TRAINING_H_

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "common/base/random.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/weights.h"
#include "services/probe/recommenders/train/running_mean.h"
#include "services/probe/recommenders/train/training.h"

namespace recsae::probe {

// Values from N(0, kInitialDeviation²).
torch::Tensor NormalTensor(torch::IntArrayRef shape, Random* random);

// Adam over the module's parameters with options.l2 as weight decay on all but biases (parameters
// whose name ends in "bias").
std::unique_ptr<torch::optim::Adam> MakeAdam(const RecommenderOptions& options,
                                             const torch::nn::Module& module);

// Mean of -log sigma(<u, v⁺> - <u, v⁻>): users [rows, d], items [n, d], int64 item numbers [rows].
torch::Tensor BprLoss(const torch::Tensor& users, const torch::Tensor& items,
                      const torch::Tensor& positive, const torch::Tensor& negative);

// The running mean of a module's parameters. The module must outlive it.
class ModuleMean {
 public:
  ModuleMean(const torch::nn::Module* module, double decay);
  void Add();
  // Exchanges the parameters and their mean; a second Swap, before the next Add, undoes it.
  void Swap();

 private:
  std::vector<torch::Tensor> parameters_;
  std::vector<RunningMean> means_;  // [parameters]
};

// The module's parameters by name.
NamedTensors StoreTensors(const torch::nn::Module& module);

// Sets all of them. DATA_LOSS (RECOMMENDER_CORRUPT) if names or shapes differ.
absl::Status RestoreTensors(const NamedTensors& tensors, torch::nn::Module* module);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_TORCH_TRAINING_H_
