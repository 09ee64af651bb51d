// Training and storing libtorch modules.
#include "services/torch-host/models/torch_training.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::probe {

torch::Tensor NormalTensor(torch::IntArrayRef shape, Random* random) {
  torch::Tensor tensor = torch::empty(shape);
  auto* values = tensor.data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    values[i] = static_cast<float>(kInitialDeviation * random->Normal());
  }
  return tensor;
}

std::unique_ptr<torch::optim::Adam> MakeAdam(const RecommenderOptions& options,
                                             const torch::nn::Module& module) {
  std::vector<torch::Tensor> biases, weights;
  for (const auto& parameter : module.named_parameters()) {
    (absl::EndsWith(parameter.key(), "bias") ? biases : weights).push_back(parameter.value());
  }
  const auto adam = [&](double decay) {
    return std::make_unique<torch::optim::AdamOptions>(
        torch::optim::AdamOptions(options.learning_rate).weight_decay(decay));
  };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(weights, adam(options.l2));
  groups.emplace_back(biases, adam(0));
  return std::make_unique<torch::optim::Adam>(groups,
                                              torch::optim::AdamOptions(options.learning_rate));
}

torch::Tensor BprLoss(const torch::Tensor& users, const torch::Tensor& items,
                      const torch::Tensor& positive, const torch::Tensor& negative) {
  const torch::Tensor difference =
      torch::embedding(items, positive) - torch::embedding(items, negative);
  return torch::softplus(-(users * difference).sum(1)).mean();
}

ModuleMean::ModuleMean(const torch::nn::Module* module, double decay)
    : parameters_(module->parameters()), means_(parameters_.size(), RunningMean(decay)) {}

void ModuleMean::Add() {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    means_[i].Add({parameters_[i].data_ptr<float>(), static_cast<size_t>(parameters_[i].numel())});
  }
}

void ModuleMean::Swap() {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const absl::Span<float> mean = means_[i].values();
    std::swap_ranges(mean.begin(), mean.end(), parameters_[i].data_ptr<float>());
  }
}

NamedTensors StoreTensors(const torch::nn::Module& module) {
  NamedTensors tensors;
  for (const auto& parameter : module.named_parameters()) {
    const torch::Tensor values = parameter.value().detach().contiguous();
    const auto* data = values.data_ptr<float>();
    tensors[parameter.key()] = {values.sizes().vec(), {data, data + values.numel()}};
  }
  return tensors;
}

absl::Status RestoreTensors(const NamedTensors& tensors, torch::nn::Module* module) {
  const torch::NoGradGuard no_gradients;
  const auto parameters = module->named_parameters();
  bool fits = parameters.size() == tensors.size();
  for (const auto& parameter : parameters) {
    const auto it = tensors.find(parameter.key());
    if (it == tensors.end() || parameter.value().sizes() != it->second.shape) {
      fits = false;
      break;
    }
    std::copy(it->second.values.begin(), it->second.values.end(),
              parameter.value().data_ptr<float>());
  }
  if (fits) return absl::OkStatus();
  return Error(absl::StatusCode::kDataLoss, "RECOMMENDER_CORRUPT",
               "the stored weights do not fit the stored options; train the recommender again");
}

}  // namespace recsae::probe
