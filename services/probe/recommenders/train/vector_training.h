// What trains a recommender that is a vector for each user and one for each item.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_VECTOR_TRAINING_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_VECTOR_TRAINING_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "common/base/random.h"
#include "services/probe/recommenders/train/training.h"

namespace recsae::probe {

// One epoch: shuffles the rows and hands them out, `batch` at a time, to `step`, which returns the
// mean loss of its rows. Returns the mean loss of all; over early when the tick says so.
template <typename Row, typename Step>
double ShuffledEpoch(size_t batch, Random* random, std::vector<Row>* rows, const EpochTick& tick,
                     const Step& step) {
  random->Shuffle(rows);
  double loss = 0;
  size_t done = 0;
  while (done < rows->size()) {
    const size_t size = std::min(batch, rows->size() - done);
    loss += step(absl::MakeConstSpan(*rows).subspan(done, size)) * static_cast<double>(size);
    done += size;
    const auto seen = static_cast<double>(done);
    if (!tick(seen / static_cast<double>(rows->size()), loss / seen)) break;
  }
  return loss / static_cast<double>(std::max<size_t>(1, done));
}

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

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_VECTOR_TRAINING_H_
