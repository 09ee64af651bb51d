// Epochs and steps over windows.
#include "services/torch-host/models/sequence_training.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "services/probe/recommenders/train/windows.h"
#include "services/torch-host/models/single_thread.h"
#include "services/torch-host/models/torch_ops.h"
#include "services/torch-host/models/torch_training.h"

namespace recsae::probe {
namespace {

constexpr double kMaxGradientNorm = 5;
// Of the softmax loss. Without it dev NDCG falls again in the last epochs of a network of three
// layers.
constexpr double kLabelSmoothing = 0.1;
// An epoch of ml-1m-recsae has about 950 steps of 32 windows.
constexpr double kMeanDecay = 0.999;

class EpochRunner {
 public:
  EpochRunner(const RecommenderOptions& options, const Dataset& dataset,
              const WindowTraining& training)
      : options_(options),
        dataset_(dataset),
        training_(training),
        tools_(options, dataset, training.stream),
        optimizer_(MakeAdam(options, *training.module)),
        mean_(training.module, kMeanDecay) {}

  // Leaves the running mean of the weights in the module.
  double Epoch(int epoch, const EpochTick& tick) {
    if (epoch > 1) mean_.Swap();
    const double loss = Steps(epoch, tick);
    mean_.Swap();
    return loss;
  }

 private:
  double Steps(int epoch, const EpochTick& tick) {
    const std::vector<Window> windows = CutWindows(dataset_, options_.history, tools_.random());
    const size_t batch = BatchSize(options_, static_cast<int64_t>(windows.size()));
    double loss = 0;
    int64_t positions = 0;
    for (size_t at = 0; at < windows.size(); at += batch) {
      const size_t size = std::min(batch, windows.size() - at);
      SetLearningRate(epoch, static_cast<double>(at) / static_cast<double>(windows.size()));
      Step(absl::MakeConstSpan(windows).subspan(at, size), &loss, &positions);
      const double fraction = static_cast<double>(at + size) / static_cast<double>(windows.size());
      if (!tick(fraction, loss / static_cast<double>(positions))) break;
    }
    return loss / static_cast<double>(std::max<int64_t>(1, positions));
  }

  void SetLearningRate(int epoch, double fraction) {
    if (options_.loss == Loss::kBpr) return;  // constant
    const double factor = CosineSchedule((epoch - 1 + fraction) / options_.max_epochs);
    for (auto& group : optimizer_->param_groups()) {
      group.options().set_lr(options_.learning_rate * factor);
    }
  }

  void Step(absl::Span<const Window> windows, double* loss_sum, int64_t* positions) {
    const WindowBatch batch = training_.batch
                                  ? training_.batch(windows, tools_.random())
                                  : MakeWindowBatch(dataset_, windows, options_.history);
    optimizer_->zero_grad();
    const torch::Tensor loss = training_.loss(batch, &tools_);
    loss.backward();
    torch::nn::utils::clip_grad_norm_(training_.module->parameters(), kMaxGradientNorm);
    optimizer_->step();
    mean_.Add();
    const int64_t count = batch.targets.size(0);
    *loss_sum += loss.item<double>() * static_cast<double>(count);
    *positions += count;
  }

  const RecommenderOptions& options_;
  const Dataset& dataset_;
  const WindowTraining& training_;
  StepTools tools_;
  std::unique_ptr<torch::optim::Adam> optimizer_;
  ModuleMean mean_;
};

}  // namespace

StepTools::StepTools(const RecommenderOptions& options, const Dataset& dataset, uint64_t stream)
    : dataset_(dataset),
      loss_(options.loss),
      random_(options.seed, stream),
      negatives_(dataset),
      pool_(ThreadCount(options.threads)) {}

torch::Tensor StepTools::ItemLoss(const torch::Tensor& users, const torch::Tensor& items,
                                  const WindowBatch& batch) {
  if (loss_ == Loss::kSoftmax) {
    std::vector<absl::Span<const int32_t>> trained;
    trained.reserve(batch.users.size());
    for (const int32_t user : batch.users) {
      trained.push_back(
          absl::MakeConstSpan(dataset_.sequences[user]).first(dataset_.train_length[user]));
    }
    return SoftmaxLoss(users, items, batch.targets, trained, kLabelSmoothing, &pool_);
  }
  std::vector<int64_t> drawn;
  for (const int32_t user : batch.users) drawn.push_back(negatives_.Draw(user, &random_));
  return BprLoss(users, items, batch.targets, torch::tensor(drawn, torch::kInt64));
}

absl::StatusOr<TrainReport> TrainOnWindows(const RecommenderOptions& options,
                                           const Dataset& dataset, const WindowTraining& training,
                                           const TrainCallback& callback) {
  const SingleThreadedTorch single_threaded;
  EpochRunner runner(options, dataset, training);
  NamedTensors best;
  const EpochSteps steps{
      .train = [&](int epoch, const EpochTick& tick) { return runner.Epoch(epoch, tick); },
      .dev_ndcg = training.dev_ndcg,
      .keep = [&] { best = StoreTensors(*training.module); },
      .restore = [&] { (void)RestoreTensors(best, training.module); }};
  return TrainEpochs(options, !WithHistory(dataset.dev).empty(), steps, callback);
}

}  // namespace recsae::probe
