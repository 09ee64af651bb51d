#include "common/base/reservoir.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace recsae {
namespace {

TEST(ReservoirPlace, FillsInOrder) {
  Random random(1);
  for (int64_t seen = 0; seen < 5; ++seen) EXPECT_EQ(ReservoirPlace(seen, 5, random), seen);
}

TEST(ReservoirPlace, EveryRowHasTheSameChance) {
  constexpr int kRows = 20, kMost = 5, kRuns = 4000;
  std::vector<int> kept(kRows);
  for (int run = 0; run < kRuns; ++run) {
    Random random(static_cast<uint64_t>(run));
    std::vector<int64_t> sample;
    for (int64_t seen = 0; seen < kRows; ++seen) {
      const int64_t place = ReservoirPlace(seen, kMost, random);
      if (place < 0) continue;
      ASSERT_LT(place, kMost);
      if (place == static_cast<int64_t>(sample.size())) {
        sample.push_back(seen);
      } else {
        sample[static_cast<size_t>(place)] = seen;
      }
    }
    ASSERT_EQ(sample.size(), size_t{kMost});
    for (const int64_t row : sample) ++kept[static_cast<size_t>(row)];
  }
  constexpr double kShare = double{kMost} / kRows;
  const double deviation = std::sqrt(kRuns * kShare * (1 - kShare));
  for (const int count : kept) EXPECT_NEAR(count, kRuns * kShare, 4.5 * deviation);
}

TEST(ReservoirPlace, NoRoomAtAll) {
  Random random(1);
  EXPECT_EQ(ReservoirPlace(0, 0, random), -1);
}

}  // namespace
}  // namespace recsae
