// What trains a recommender that is a vector for each user and one for each item.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_VECTOR_TRAINING_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_VECTOR_TRAINING_H_

#include "absl/types/span.h"
#include "services/probe/recommenders/training.h"

namespace recsae::probe {

// One run of training, of any of these recommenders. Not thread-safe.
class VectorTraining {
 public:
  VectorTraining() = default;
  virtual ~VectorTraining() = default;
  VectorTraining(const VectorTraining&) = delete;
  VectorTraining& operator=(const VectorTraining&) = delete;

  // Mean loss of the epoch (from 1), which is over early when the tick says so.
  virtual double Epoch(int epoch, const EpochTick& tick) = 0;

  // By the weights as they are: float [users + items, dim], users first. Valid until the next
  // epoch.
  virtual absl::Span<const float> Vectors() = 0;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_VECTOR_TRAINING_H_
