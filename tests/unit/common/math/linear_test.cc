#include "common/math/linear.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/base/random.h"

namespace recsae::math {
namespace {

// M Mᵀ + I of a random M [n, n].
std::vector<double> Positive(int n, uint64_t seed) {
  Random random(seed);
  const auto size = static_cast<size_t>(n);
  std::vector<double> m(size * size);
  for (double& value : m) value = random.Normal();
  std::vector<double> a(size * size);
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < size; ++j) {
      a[i * size + j] = i == j ? 1 : 0;
      for (size_t k = 0; k < size; ++k) a[i * size + j] += m[i * size + k] * m[j * size + k];
    }
  }
  return a;
}

TEST(LinearTest, SolvesByRows) {
  constexpr size_t kSize = 7;
  constexpr size_t kColumns = 3;
  const std::vector<double> a = Positive(kSize, 1);
  Random random(2);
  std::vector<double> x(kSize * kColumns);
  for (double& value : x) value = random.Normal();
  std::vector<double> b(kSize * kColumns);
  for (size_t i = 0; i < kSize; ++i) {
    for (size_t j = 0; j < kColumns; ++j) {
      for (size_t k = 0; k < kSize; ++k)
        b[i * kColumns + j] += a[i * kSize + k] * x[k * kColumns + j];
    }
  }
  const std::vector<double> solved = SolveSymmetric(a, b, kSize, kColumns);
  ASSERT_EQ(solved.size(), x.size());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(solved[i], x[i], 1e-9);
}

TEST(LinearTest, EigenvectorsAreRowsByFallingEigenvalue) {
  constexpr size_t kSize = 6;
  const std::vector<double> a = Positive(kSize, 3);
  const std::vector<double> rows = Eigenvectors(a, kSize);
  double before = 1e300;
  for (size_t r = 0; r < kSize; ++r) {
    const double* v = rows.data() + r * kSize;
    double norm = 0;
    double value = 0;
    for (size_t i = 0; i < kSize; ++i) {
      norm += v[i] * v[i];
      for (size_t j = 0; j < kSize; ++j) value += v[i] * a[i * kSize + j] * v[j];
    }
    EXPECT_NEAR(norm, 1, 1e-9);
    EXPECT_LE(value, before + 1e-9);
    before = value;
    for (size_t i = 0; i < kSize; ++i) {
      double product = 0;
      for (size_t j = 0; j < kSize; ++j) product += a[i * kSize + j] * v[j];
      EXPECT_NEAR(product, value * v[i], 1e-8);
    }
  }
}

TEST(LinearTest, ScatterIsTheSumOfOuterProducts) {
  // More rows than are looked at in one go, and a number that is no multiple.
  constexpr size_t kRows = 600, kSize = 5;
  std::vector<float> rows(kRows * kSize);
  Random random(4);
  for (float& value : rows) value = static_cast<float>(3 + random.Normal());
  const std::vector<double> means = ColumnMeans(rows, kSize);
  std::vector<double> expected(kSize * kSize);
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t i = 0; i < kSize; ++i) {
      for (size_t j = 0; j < kSize; ++j) {
        expected[i * kSize + j] +=
            (rows[r * kSize + i] - means[i]) * (rows[r * kSize + j] - means[j]);
      }
    }
  }
  const std::vector<double> scatter = Scatter(rows, means);
  ASSERT_EQ(scatter.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(scatter[i], expected[i], 1e-9);
  for (const double mean : means) EXPECT_NEAR(mean, 3, 0.2);
}

TEST(LinearTest, NoRowsHaveNoMoments) {
  EXPECT_EQ(ColumnMeans({}, 2), std::vector<double>(2));
  EXPECT_EQ(Scatter({}, std::vector<double>(2)), std::vector<double>(4));
}

}  // namespace
}  // namespace recsae::math
