// SASRec: training at all positions of a sequence at once, and inference on histories.
#include "services/probe/recommenders/sasrec.h"

#include <torch/torch.h>

#include <algorithm>
#include <atomic>

#include "common/sae/worker_pool.h"
#include "common/status/status.h"
#include "services/probe/recommenders/evaluation.h"
#include "services/probe/recommenders/sasrec_network.h"
#include "services/probe/recommenders/torch_ops.h"
#include "services/probe/recommenders/torch_training.h"
#include "services/probe/recommenders/training.h"
#include "services/probe/recommenders/windows.h"

namespace recsae::probe {
namespace {

constexpr double kMaxGradientNorm = 5;

// Some windows as the network takes them.
struct Batch {
  torch::Tensor inputs;   // int64 [windows, length]
  torch::Tensor padding;  // int32 [windows]
  torch::Tensor rows;     // int64 [positions]: rows of the network's output that hold a position
  torch::Tensor targets;  // int64 [positions]
  std::vector<int32_t> users;  // [positions]
};

Batch MakeBatch(const Dataset& dataset, absl::Span<const Window> windows, int history) {
  const auto count = static_cast<int64_t>(windows.size());
  Batch batch;
  batch.inputs = torch::zeros({count, history}, torch::kInt64);
  batch.padding = torch::empty({count}, torch::kInt32);
  auto* inputs = batch.inputs.data_ptr<int64_t>();
  auto* padding = batch.padding.data_ptr<int32_t>();
  std::vector<int64_t> rows, targets;
  for (int64_t w = 0; w < count; ++w) {
    const Window& window = windows[w];
    const auto& sequence = dataset.sequences[window.user];
    padding[w] = history - window.length();
    for (int32_t p = window.begin; p < window.end; ++p) {
      const int64_t row = w * history + padding[w] + (p - window.begin);
      inputs[row] = sequence[p];
      rows.push_back(row);
      targets.push_back(sequence[p + 1]);
      batch.users.push_back(window.user);
    }
  }
  batch.rows = torch::tensor(rows, torch::kInt64);
  batch.targets = torch::tensor(targets, torch::kInt64);
  return batch;
}

}  // namespace

// One run of training.
class Sasrec::Training {
 public:
  Training(Sasrec* model, const Dataset& dataset)
      : model_(*model),
        dataset_(dataset),
        random_(model->options_.seed, 1),
        negatives_(dataset),
        pool_(ThreadCount(model->options_.threads)),
        optimizer_(MakeAdam(model->options_, *model->network_)) {}

  double Epoch(int epoch, const EpochTick& tick) {
    const std::vector<Window> windows = CutWindows(dataset_, model_.options_.history, &random_);
    const size_t batch = BatchSize(model_.options_, static_cast<int64_t>(windows.size()));
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

 private:
  void SetLearningRate(int epoch, double fraction) {
    const RecommenderOptions& options = model_.options_;
    if (options.loss == Loss::kBpr) return;  // constant
    const double factor = CosineSchedule((epoch - 1 + fraction) / options.max_epochs);
    for (auto& group : optimizer_->param_groups()) {
      group.options().set_lr(options.learning_rate * factor);
    }
  }

  void Step(absl::Span<const Window> windows, double* loss_sum, int64_t* positions) {
    const Batch batch = MakeBatch(dataset_, windows, model_.options_.history);
    optimizer_->zero_grad();
    const torch::Tensor hidden =
        model_.network_->Forward(batch.inputs, batch.padding, &random_, &pool_)
            .index_select(0, batch.rows);
    const torch::Tensor loss = LossOf(hidden, batch);
    loss.backward();
    torch::nn::utils::clip_grad_norm_(model_.network_->parameters(), kMaxGradientNorm);
    optimizer_->step();
    const int64_t count = batch.targets.size(0);
    *loss_sum += loss.item<double>() * static_cast<double>(count);
    *positions += count;
  }

  torch::Tensor LossOf(const torch::Tensor& hidden, const Batch& batch) {
    const torch::Tensor& items = model_.network_->items;
    if (model_.options_.loss == Loss::kSoftmax)
      return SoftmaxLoss(hidden, items, batch.targets, &pool_);
    std::vector<int64_t> drawn;
    for (const int32_t user : batch.users) drawn.push_back(negatives_.Draw(user, &random_));
    return BprLoss(hidden, items, batch.targets, torch::tensor(drawn, torch::kInt64));
  }

  Sasrec& model_;
  const Dataset& dataset_;
  Random random_;
  NegativeSampler negatives_;
  sae::WorkerPool pool_;
  std::unique_ptr<torch::optim::Adam> optimizer_;
};

Sasrec::Sasrec(const RecommenderOptions& options) : Recommender(options) {}
Sasrec::~Sasrec() = default;

absl::StatusOr<TrainReport> Sasrec::Train(const Dataset& dataset, const TrainCallback& callback) {
  const SingleThreadedTorch single_threaded;
  Random random(options_.seed);
  network_ = std::make_unique<SasrecNetwork>(options_, dataset.items.size(), &random);
  Training training(this, dataset);
  NamedTensors best;
  const EpochSteps steps{
      .train = [&](int epoch, const EpochTick& tick) { return training.Epoch(epoch, tick); },
      .dev_ndcg =
          [&] {
            SetItemVectors();
            const auto metrics = EvaluateRecommender(*this, dataset, dataset.dev);
            return metrics.ok() ? metrics->ndcg(10) : 0;
          },
      .keep = [&] { best = StoreTensors(*network_); },
      .restore = [&] { (void)RestoreTensors(best, network_.get()); }};
  const bool has_dev = !WithHistory(dataset.dev).empty();
  auto report = TrainEpochs(options_, has_dev, steps, callback);
  SetItemVectors();
  return report;
}

// Activations of a few queries, float [queries, dim], on the calling thread.
void Sasrec::ActivateBatch(absl::Span<const Query> queries, float* activations) const {
  const torch::InferenceMode no_gradients;
  const SingleThreadedTorch single_threaded;
  sae::WorkerPool pool(1);
  const auto count = static_cast<int64_t>(queries.size());
  const int length = options_.history;
  const int64_t d = options_.dim;
  torch::Tensor inputs = torch::zeros({count, length}, torch::kInt64);
  torch::Tensor padding = torch::empty({count}, torch::kInt32);
  for (int64_t i = 0; i < count; ++i) {
    absl::Span<const int32_t> history = queries[i].history;
    if (history.size() > static_cast<size_t>(length)) {
      history.remove_prefix(history.size() - length);
    }
    const auto pad = static_cast<int32_t>(length - history.size());
    padding.data_ptr<int32_t>()[i] = pad;
    std::copy(history.begin(), history.end(), inputs.data_ptr<int64_t>() + i * length + pad);
  }
  const torch::Tensor last = network_->Forward(inputs, padding, nullptr, &pool)
                                 .view({count, length, d})
                                 .select(1, length - 1)
                                 .contiguous();
  std::copy_n(last.data_ptr<float>(), count * d, activations);
}

absl::StatusOr<std::vector<float>> Sasrec::Activations(
    absl::Span<const Query> queries, const std::function<bool()>& cancelled) const {
  RECSAE_RETURN_IF_ERROR(CheckHistories(queries, items()));
  constexpr size_t kBatch = 256;
  const auto batches = static_cast<int>((queries.size() + kBatch - 1) / kBatch);
  std::vector<float> activations(queries.size() * dim());
  std::atomic<bool> stop = false;
  sae::WorkerPool pool(std::clamp(batches, 1, ThreadCount(options_.threads)));
  pool.Run(batches, [&](int batch, int) {
    if (stop || (cancelled && cancelled())) {
      stop = true;
      return;
    }
    ActivateBatch(queries.subspan(batch * kBatch, kBatch),
                  activations.data() + batch * kBatch * dim());
  });
  if (stop) {
    return Error(absl::StatusCode::kCancelled, "CANCELLED", "computing activations was cancelled");
  }
  return activations;
}

void Sasrec::SetItemVectors() {
  const auto* values = network_->items.data_ptr<float>();
  item_vectors_.assign(values, values + network_->items.numel());
}

std::string Sasrec::Save() const { return PackWeights(options_, StoreTensors(*network_)); }

absl::Status Sasrec::Load(const NamedTensors& tensors) {
  const auto items = tensors.find("items");
  const int64_t n = items == tensors.end() ? 0 : items->second.shape[0];
  Random random(0);
  network_ = std::make_unique<SasrecNetwork>(options_, n, &random);
  RECSAE_RETURN_IF_ERROR(RestoreTensors(tensors, network_.get()));
  SetItemVectors();
  return absl::OkStatus();
}

}  // namespace recsae::probe
