// Times several pieces of work in turn, so that a busy moment of the machine hits all of them
// alike.
#ifndef RECSAE_BENCHMARKS_SAE_INTERLEAVED_H_
#define RECSAE_BENCHMARKS_SAE_INTERLEAVED_H_

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace recsae::sae {

using Work = std::function<void()>;

// Seconds of one call.
struct Timing {
  double median = 0.0;
  double best = 0.0;
};

// Of each piece of work. Rounds until the seconds are over, five at least; in a round
// every piece of work is called for about kSlice seconds. Each is called once beforehand.
inline std::vector<Timing> TimeInterleaved(const std::vector<Work>& works, double seconds) {
  constexpr double kSlice = 0.02;
  constexpr size_t kLeastRounds = 5;
  const auto time = [](const Work& work, int calls) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) work();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    return spent.count();
  };
  std::vector<int> calls;
  for (const Work& work : works) {
    work();
    calls.push_back(std::max(1, static_cast<int>(kSlice / time(work, 1))));
  }
  std::vector<std::vector<double>> times(works.size());
  for (double spent = 0.0; spent < seconds || times[0].size() < kLeastRounds;) {
    for (size_t w = 0; w < works.size(); ++w) {
      const double slice = time(works[w], calls[w]);
      spent += slice;
      times[w].push_back(slice / calls[w]);
    }
  }
  std::vector<Timing> timings;
  for (std::vector<double>& values : times) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    timings.push_back({*middle, *std::min_element(values.begin(), values.end())});
  }
  return timings;
}

}  // namespace recsae::sae

#endif  // RECSAE_BENCHMARKS_SAE_INTERLEAVED_H_
