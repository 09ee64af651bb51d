// What training has in common for all kinds: the epoch loop with early stop, negatives, Adam's
// groups.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_TRAINING_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_TRAINING_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/random.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// Standard deviation of initial weights.
inline constexpr double kInitialDeviation = 0.01;

// Told by an epoch now and then; false: stop at once.
using EpochTick = std::function<bool(double fraction, double mean_loss)>;

// One kind's part of the loop.
struct EpochSteps {
  std::function<double(int epoch, const EpochTick& tick)> train;  // mean loss of the epoch
  std::function<double()> dev_ndcg;
  std::function<void()> keep;     // remember the weights as the best so far
  std::function<void()> restore;  // go back to the weights kept
};

// Trains until `patience` epochs in a row have not raised dev NDCG or max_epochs are done, then
// restores the best. Without dev cases all epochs run. CANCELLED (TRAINING_CANCELLED) when the
// callback says so; INTERNAL (TRAINING_DIVERGED) when the loss is not finite.
absl::StatusOr<TrainReport> TrainEpochs(const RecommenderOptions& options, bool has_dev,
                                        const EpochSteps& steps, const TrainCallback& callback);

// Factor of the learning rate when `progress` (0 to 1) of the training is done: a linear warm-up
// over the first twentieth, then half a cosine down to 0.
double CosineSchedule(double progress);

// Draws items that a user has not trained on.
class NegativeSampler {
 public:
  explicit NegativeSampler(const Dataset& dataset);
  // Even over the items outside the user's training set; over all if there are none outside.
  int32_t Draw(int32_t user, Random* random) const;

 private:
  int64_t items_;
  std::vector<std::vector<int32_t>> seen_;  // [user], sorted
};

// Threads to use for an option: the number of cores for 0.
int ThreadCount(int option);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_TRAINING_H_
