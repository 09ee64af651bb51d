// Training of networks over windows at all positions at once, shared by the sequence recommenders.
// For .cc files only: includes libtorch.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_SEQUENCE_TRAINING_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_SEQUENCE_TRAINING_H_

#include <torch/torch.h>

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "common/base/random.h"
#include "common/math/worker_pool.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/train/training.h"
#include "services/torch-host/models/sequence_batch.h"

namespace recsae::probe {

// What a step's loss is made with.
class StepTools {
 public:
  StepTools(const RecommenderOptions& options, const Dataset& dataset, uint64_t stream);

  // options.loss of user vectors [positions, d] against item vectors [n, d], mean over positions.
  // Either way the target is set against items alone that the user has not trained on, as it is
  // ranked among items that the user has not touched.
  torch::Tensor ItemLoss(const torch::Tensor& users, const torch::Tensor& items,
                         const WindowBatch& batch);

  Random* random() { return &random_; }
  math::WorkerPool* pool() { return &pool_; }

 private:
  const Dataset& dataset_;
  const Loss loss_;
  Random random_;
  const NegativeSampler negatives_;
  math::WorkerPool pool_;
};

// One training of a module, or one stage of it.
struct WindowTraining {
  torch::nn::Module* module = nullptr;
  uint64_t stream = 1;  // of random numbers; each stage has its own
  // MakeWindowBatch where it is not given.
  std::function<WindowBatch(absl::Span<const Window>, Random*)> batch = {};
  // Mean loss over the batch's positions, differentiable.
  std::function<torch::Tensor(const WindowBatch&, StepTools*)> loss;
  std::function<double()> dev_ndcg;  // NDCG@10 of the module as it is
};

// TrainEpochs over the windows of `dataset`: Adam with the gradient's norm clipped; with softmax
// loss the rate follows CosineSchedule over options.max_epochs.
absl::StatusOr<TrainReport> TrainOnWindows(const RecommenderOptions& options,
                                           const Dataset& dataset, const WindowTraining& training,
                                           const TrainCallback& callback);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_SEQUENCE_TRAINING_H_
