// How often training stops to save what it has come to.
#ifndef RECSAE_SERVICES_TRAINER_RUN_CHECKPOINT_PACE_H_
#define RECSAE_SERVICES_TRAINER_RUN_CHECKPOINT_PACE_H_

#include <algorithm>

namespace recsae::trainer {

// A checkpoint is three times the weights, all of which goes to disk twice: seconds, for a large
// SAE. So the next one waits at least so many times what the last one took, and all of them
// together take 2 % of the time at most, on any disk.
class CheckpointPace {
 public:
  static constexpr double kTimesItsCost = 50.0;

  // `seconds` from one to the next at least; 0 = after every step, whatever that costs.
  explicit CheckpointPace(double seconds) : seconds_(seconds) {}

  // The last one took so long.
  void Took(double seconds) { cost_ = seconds; }

  // Whether one is due, so many seconds after the last.
  bool Due(double since_last) const {
    return since_last >= (seconds_ > 0.0 ? std::max(seconds_, kTimesItsCost * cost_) : 0.0);
  }

 private:
  const double seconds_;
  double cost_ = 0.0;
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_CHECKPOINT_PACE_H_
