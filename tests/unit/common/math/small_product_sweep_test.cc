// The products of small matrices against plain loops in double, on each instruction set.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "common/math/simd/small_product.h"
#include "tests/unit/common/math/sweep_testing.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::math {
namespace {

using sae::RandomValues;

using SmallProductSweepTest = InstructionSetTest;

struct Shape {
  int m, p, n;
  bool transposed;  // A lies in memory as [p, m]
};

void ExpectProduct(const Shape& at) {
  constexpr int kGap = 3;  // between rows of B and C
  const int row = at.n + kGap;
  const std::vector<float> before = RandomValues(int64_t{at.m} * row, 3);
  Guarded<float> a(RandomValues(int64_t{at.m} * at.p, 1), 1);
  Guarded<float> b(RandomValues(int64_t{at.p} * row, 2), 2);
  Guarded<float> c(before, 3);
  const StridedMatrix left{a.data(), at.transposed ? 1 : at.p, at.transposed ? at.m : 1};
  AddProduct(left, at.m, at.p, b.data(), row, at.n, c.data(), row);
  EXPECT_TRUE(c.GuardsIntact());
  for (int i = 0; i < at.m; ++i) {
    for (int j = 0; j < row; ++j) {
      const auto place = static_cast<size_t>(i * row + j);
      double sum = before[place];
      double magnitude = std::abs(sum);
      for (int k = 0; j < at.n && k < at.p; ++k) {
        const double term = double{left.values[i * left.row + k * left.column]} *
                            b[static_cast<size_t>(k * row + j)];
        sum += term;
        magnitude += std::abs(term);
      }
      // What is between the rows stays to the bit.
      const double allowed = j < at.n ? (at.p + 2) * 0x1p-24 * magnitude : 0.0;
      ASSERT_LE(std::abs(c[place] - sum), allowed)
          << at.m << " x " << at.p << " x " << at.n << " at " << i << ", " << j;
    }
  }
}

TEST_P(SmallProductSweepTest, AddProduct) {
  for (const bool transposed : {false, true}) {
    for (const int m : {1, 2, 5, 6, 7, 8, 13, 64}) {
      for (const int p : {0, 1, 3, 64}) {
        for (int n = 1; n <= 67; ++n) ExpectProduct({m, p, n, transposed});
      }
    }
  }
}

// A row's sums do not depend on the rows beside it.
TEST_P(SmallProductSweepTest, RowsDoNotMeet) {
  constexpr int kRows = 15;
  constexpr int kSize = 51;
  const std::vector<float> a = RandomValues(kRows * kSize, 1);
  const std::vector<float> b = RandomValues(kSize * kSize, 2);
  std::vector<float> together(kRows * kSize);
  std::vector<float> alone(kRows * kSize);
  AddProduct({a.data(), kSize}, kRows, kSize, b.data(), kSize, kSize, together.data(), kSize);
  for (int row = 0; row < kRows; ++row) {
    const int64_t at = int64_t{row} * kSize;
    AddProduct({a.data() + at, kSize}, 1, kSize, b.data(), kSize, kSize, alone.data() + at, kSize);
  }
  EXPECT_EQ(together, alone);
}

TEST_P(SmallProductSweepTest, KeepPositive) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const int n : SweepSizes()) {
    for (const int k : {1, 2, n / 8, n / 3, n}) {
      std::vector<float> values = RandomValues(n, static_cast<uint64_t>(n));
      values[static_cast<size_t>(n / 2)] = kNan;
      std::vector<float> positive;
      std::copy_if(values.begin(), values.end(), std::back_inserter(positive),
                   [](float value) { return value > 0.0f; });
      std::sort(positive.begin(), positive.end(), std::greater<>());
      Guarded<float> x(values, 1);
      const int kept = KeepPositive(n, std::max(k, 1), x.data());
      EXPECT_TRUE(x.GuardsIntact());
      // More than k only where they lie too close together, and then all.
      const size_t most = std::min<size_t>(positive.size(), static_cast<size_t>(std::max(k, 1)));
      ASSERT_TRUE(static_cast<size_t>(kept) == most || static_cast<size_t>(kept) == positive.size())
          << n << " " << k;
      const float least = kept == 0 ? 1.0f : positive[static_cast<size_t>(kept) - 1];
      for (size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(x[i], values[i] >= least ? values[i] : 0.0f) << n << " " << k << " at " << i;
      }
    }
  }
}

TEST_P(SmallProductSweepTest, KeepActive) {
  for (const int n : SweepSizes()) {
    const std::vector<float> code = RandomValues(n, 1);
    const std::vector<float> before = RandomValues(n, 2);
    Guarded<float> x(before, 2);
    KeepActive(code.data(), n, x.data());
    EXPECT_TRUE(x.GuardsIntact());
    for (size_t i = 0; i < before.size(); ++i) {
      ASSERT_EQ(x[i], code[i] > 0.0f ? before[i] : 0.0f) << n << " at " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, SmallProductSweepTest,
                         ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         InstructionSetName);

}  // namespace
}  // namespace recsae::math
