// A mean of the weights over the last steps of a training: it ranks as well as the weights at their
// best, without what the last few steps happen to have been.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_RUNNING_MEAN_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_RUNNING_MEAN_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace recsae::probe {

// Exponential moving average of arrays of one size (Polyak & Juditsky 1992; exponential: Ruppert
// 1988). Not thread-safe.
class RunningMean {
 public:
  // mean = decay · mean + (1 − decay) · values in each step; the first steps weigh more, so that
  // the mean does not remember where the training began.
  explicit RunningMean(double decay) : decay_(decay) {}

  void Add(absl::Span<const float> values) {
    if (mean_.empty()) mean_.assign(values.begin(), values.end());
    ++steps_;
    const double decay = std::min(decay_, static_cast<double>(steps_) / (steps_ + 9));
    const auto share = static_cast<float>(1 - decay);
    for (size_t i = 0; i < mean_.size(); ++i) mean_[i] += share * (values[i] - mean_[i]);
  }

  // Valid until the next Add; empty before the first.
  absl::Span<float> values() { return absl::MakeSpan(mean_); }

 private:
  const double decay_;
  std::vector<float> mean_;
  int64_t steps_ = 0;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_RUNNING_MEAN_H_
