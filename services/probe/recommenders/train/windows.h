// Cuts users' training sequences into windows for training at all positions at once.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_WINDOWS_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_WINDOWS_H_

#include <cstdint>
#include <vector>

#include "common/base/random.h"
#include "services/probe/datasets/dataset.h"

namespace recsae::probe {

// Inputs sequence[begin, end); the target of input i is sequence[i + 1]. At most `history` long.
struct Window {
  int32_t user = 0;
  int32_t begin = 0;
  int32_t end = 0;
  int32_t length() const { return end - begin; }
};

// Windows that together hold every training position with history exactly once, in random order.
// Each user's cuts are at multiples of `history` from a random offset, so that over the epochs
// every position gets contexts of every length.
std::vector<Window> CutWindows(const Dataset& dataset, int history, Random* random);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_WINDOWS_H_
