// Adam (Kingma & Ba 2015) over one array of weights whose gradient is dense.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_DENSE_ADAM_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_DENSE_ADAM_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace recsae::math {
class WorkerPool;
}  // namespace recsae::math

namespace recsae::probe {

// Not thread-safe. The result does not depend on the number of the pool's threads.
class DenseAdam {
 public:
  explicit DenseAdam(size_t size) : first_(size), second_(size) {}

  // One step against `gradient`, to which l2 · weights are added before. Both have the size given
  // at construction.
  void Step(double rate, double l2, absl::Span<float> gradient, absl::Span<float> weights,
            math::WorkerPool* pool);

 private:
  std::vector<float> first_, second_;  // moments
  int64_t steps_ = 0;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_DENSE_ADAM_H_
