#include "common/math/sort.h"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <random>
#include <vector>

namespace recsae::math {
namespace {

std::vector<int> Shuffled(int n) {
  std::vector<int> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 0);
  std::shuffle(values.begin(), values.end(), std::mt19937(n));
  return values;
}

TEST(SortTest, SortsWhateverTheSize) {
  for (const int n : {0, 1, 1000, 1 << 15, (1 << 15) + 1, 300'001}) {
    std::vector<int> values = Shuffled(n);
    const auto alive = [] { return absl::OkStatus(); };
    ASSERT_TRUE(SortWhile(values.begin(), values.end(), std::less<>(), alive).ok());
    for (int i = 0; i < n; ++i) ASSERT_EQ(values[static_cast<size_t>(i)], i);
  }
}

TEST(SortTest, EndsWhenNobodyWantsItAnyMore) {
  std::vector<int> values = Shuffled(1'000'000);
  int asked = 0;
  const auto gone = [&] { return ++asked == 5 ? absl::CancelledError("gone") : absl::OkStatus(); };
  EXPECT_EQ(SortWhile(values.begin(), values.end(), std::less<>(), gone).message(), "gone");
  EXPECT_EQ(asked, 5);
}

}  // namespace
}  // namespace recsae::math
