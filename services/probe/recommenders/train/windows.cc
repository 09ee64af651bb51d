// Windows over training sequences.
#include "services/probe/recommenders/train/windows.h"

#include <algorithm>

namespace recsae::probe {

std::vector<Window> CutWindows(const Dataset& dataset, int history, Random* random) {
  std::vector<Window> windows;
  for (int32_t user = 0; user < static_cast<int32_t>(dataset.sequences.size()); ++user) {
    const int32_t inputs = dataset.train_length[user] - 1;  // the last item is only a target
    if (inputs < 1) continue;
    auto cut = static_cast<int32_t>(random->Below(history)) + 1;
    for (int32_t begin = 0; begin < inputs; begin = cut, cut += history) {
      windows.push_back({user, begin, std::min(cut, inputs)});
    }
  }
  random->Shuffle(&windows);
  return windows;
}

}  // namespace recsae::probe
