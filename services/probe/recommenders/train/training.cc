// The epoch loop.
#include "services/probe/recommenders/train/training.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::probe {

absl::StatusOr<TrainReport> TrainEpochs(const RecommenderOptions& options, bool has_dev,
                                        const EpochSteps& steps, const TrainCallback& callback) {
  TrainProgress progress{.max_epochs = options.max_epochs};
  const auto cancelled = [] {
    return Error(absl::StatusCode::kCancelled, "TRAINING_CANCELLED", "training was cancelled");
  };
  for (int epoch = 1; epoch <= options.max_epochs; ++epoch) {
    bool go_on = true;
    progress.epoch = epoch;
    progress.epoch_done = false;
    progress.loss = steps.train(epoch, [&](double fraction, double loss) {
      progress.epoch_fraction = fraction;
      progress.loss = loss;
      return go_on = !callback || callback(progress);
    });
    if (!go_on) return cancelled();
    if (!std::isfinite(progress.loss)) {
      return Error(
          absl::StatusCode::kInternal, "TRAINING_DIVERGED",
          absl::StrCat("the loss of epoch ", epoch, " is not finite; lower learning_rate (",
                       options.learning_rate, ")"));
    }
    progress.dev_ndcg = has_dev ? steps.dev_ndcg() : 0;
    if (!has_dev || progress.best_epoch == 0 || progress.dev_ndcg > progress.best_dev_ndcg) {
      progress.best_epoch = epoch;
      progress.best_dev_ndcg = progress.dev_ndcg;
      if (has_dev) steps.keep();
    }
    progress.epoch_fraction = 1;
    progress.epoch_done = true;
    if (callback && !callback(progress)) return cancelled();
    if (has_dev && epoch - progress.best_epoch >= options.patience) break;
  }
  if (has_dev) steps.restore();
  return TrainReport{progress.epoch, progress.best_epoch, progress.best_dev_ndcg};
}

double CosineSchedule(double progress) {
  constexpr double kWarmUp = 0.05;
  constexpr double kFirst = 0.01;  // the very first step must not be lost
  if (progress < kWarmUp) return std::max(kFirst, progress / kWarmUp);
  const double rest = (std::min(progress, 1.0) - kWarmUp) / (1 - kWarmUp);
  return 0.5 * (1 + std::cos(std::numbers::pi * rest));
}

NegativeSampler::NegativeSampler(const Dataset& dataset)
    : items_(static_cast<int64_t>(dataset.items.size())) {
  for (size_t u = 0; u < dataset.sequences.size(); ++u) {
    const auto& sequence = dataset.sequences[u];
    auto& seen = seen_.emplace_back(sequence.begin(), sequence.begin() + dataset.train_length[u]);
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  }
}

int32_t NegativeSampler::Draw(int32_t user, Random* random) const {
  const auto& seen = seen_[user];
  while (true) {
    const auto item = static_cast<int32_t>(random->Below(items_));
    if (static_cast<int64_t>(seen.size()) >= items_) return item;
    if (!std::binary_search(seen.begin(), seen.end(), item)) return item;
  }
}

int ThreadCount(int option) {
  if (option > 0) return option;
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace recsae::probe
