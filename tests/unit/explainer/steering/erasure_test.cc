#include "services/explainer/steering/erasure.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/random.h"
#include "gtest/gtest.h"
#include "services/explainer/steering/projection.h"

namespace recsae::explainer {
namespace {

constexpr int kDim = 6;
constexpr size_t kRows = 4000;

// Rows with two labels that go with each other. What goes with a label lies along one direction,
// and noise along the same and others hides it: covariances are not the directions.
struct Rows {
  std::vector<float> activations;
  std::vector<std::vector<uint8_t>> labels = std::vector<std::vector<uint8_t>>(2);
};

Rows MakeRows(uint64_t seed) {
  Random random(seed);
  Rows rows;
  for (size_t row = 0; row < kRows; ++row) {
    const bool first = random.Uniform() < .3;
    const bool second = random.Uniform() < (first ? .7 : .2);
    const double shared = random.Normal();
    std::vector<double> x(kDim);
    for (double& value : x) value = 3 + random.Normal();
    x[0] += 2 * first + 2 * shared;
    x[1] += 2 * shared;
    x[2] += 1.5 * second - first;
    for (const double value : x) rows.activations.push_back(static_cast<float>(value));
    rows.labels[0].push_back(first ? 1 : 0);
    rows.labels[1].push_back(second ? 1 : 0);
  }
  return rows;
}

std::vector<double> MeanOf(const std::vector<std::vector<double>>& rows) {
  std::vector<double> mean(kDim);
  for (const std::vector<double>& x : rows) {
    for (size_t i = 0; i < kDim; ++i) mean[i] += x[i] / static_cast<double>(rows.size());
  }
  return mean;
}

std::vector<std::vector<double>> Split(const Rows& rows) {
  std::vector<std::vector<double>> split;
  for (size_t row = 0; row < kRows; ++row) {
    const auto begin = rows.activations.begin() + static_cast<std::ptrdiff_t>(row * kDim);
    split.emplace_back(begin, begin + kDim);
  }
  return split;
}

// The largest |covariance| of a dimension with the label.
double LargestCovariance(const std::vector<std::vector<double>>& rows,
                         const std::vector<uint8_t>& label) {
  const std::vector<double> mean = MeanOf(rows);
  double largest = 0;
  for (size_t i = 0; i < kDim; ++i) {
    double sum = 0;
    for (size_t row = 0; row < rows.size(); ++row) sum += (rows[row][i] - mean[i]) * label[row];
    largest = std::max(largest, std::abs(sum) / static_cast<double>(rows.size()));
  }
  return largest;
}

template <typename Part>
std::vector<std::vector<double>> Without(const Rows& rows, const Part& part) {
  std::vector<std::vector<double>> split = Split(rows);
  const std::vector<double> mean = MeanOf(split);
  for (std::vector<double>& x : split) {
    std::vector<double> excess(kDim);
    for (size_t i = 0; i < kDim; ++i) excess[i] = x[i] - mean[i];
    const std::vector<double> taken = part.PartOf(excess);
    for (size_t i = 0; i < kDim; ++i) x[i] -= taken[i];
  }
  return split;
}

std::vector<Erasure> Fit(const Rows& rows) {
  ErasureFit fit(rows.activations, kDim);
  for (const std::vector<uint8_t>& label : rows.labels) fit.Add(7, label);
  return fit.Solve();
}

TEST(ErasureTest, LeavesNothingThatGoesWithTheLabels) {
  const Rows rows = MakeRows(1);
  const std::vector<Erasure> erasures = Fit(rows);
  ASSERT_EQ(erasures.size(), 1u);
  EXPECT_EQ(erasures[0].subject, 7);
  ASSERT_EQ(erasures[0].readers.size(), size_t{2} * kDim);
  Eraser eraser(kDim);
  eraser.Add(erasures[0]);
  const auto left = Without(rows, eraser);
  for (const std::vector<uint8_t>& label : rows.labels) {
    EXPECT_GT(LargestCovariance(Split(rows), label), .1);
    EXPECT_LT(LargestCovariance(left, label), 1e-5);
  }
}

// So of users who had no part in it, but for chance.
TEST(ErasureTest, HoldsForOtherUsers) {
  Eraser eraser(kDim);
  eraser.Add(Fit(MakeRows(1))[0]);
  const Rows others = MakeRows(2);
  for (const std::vector<uint8_t>& label : others.labels) {
    EXPECT_LT(LargestCovariance(Without(others, eraser), label), .06);
  }
}

// What it is for: the label's own direction may be gone, and its correlates tell all the same.
TEST(ErasureTest, ADirectionProjectedOutLeavesItsCorrelates) {
  const Rows rows = MakeRows(1);
  const std::vector<float> own = {1, 0, 0, 0, 0, 0};
  Subspace direction;
  direction.Add(own);
  EXPECT_GT(LargestCovariance(Without(rows, direction), rows.labels[0]), .04);
}

// Labels that say the same twice, or never vary, change nothing.
TEST(ErasureTest, RedundantLabelsAreHarmless) {
  const Rows rows = MakeRows(1);
  ErasureFit fit(rows.activations, kDim);
  fit.Add(1, rows.labels[0]);
  fit.Add(1, std::vector<uint8_t>(kRows, 1));
  fit.Add(2, rows.labels[0]);
  fit.Add(3, std::vector<uint8_t>(kRows, 0));
  const std::vector<Erasure> erasures = fit.Solve();
  ASSERT_EQ(erasures.size(), 2u);
  Eraser once(kDim), twice(kDim);
  once.Add(erasures[0]);
  twice.Add(erasures[0]);
  twice.Add(erasures[1]);
  const std::vector<double> x = {1, -2, 3, -4, 5, -6};
  const std::vector<double> a = once.PartOf(x), b = twice.PartOf(x);
  for (size_t i = 0; i < kDim; ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
}

TEST(ErasureTest, NothingAddedTakesNothing) {
  const Eraser eraser(kDim);
  EXPECT_TRUE(eraser.empty());
  EXPECT_EQ(eraser.PartOf(std::vector<double>(kDim, 1)), std::vector<double>(kDim));
}

}  // namespace
}  // namespace recsae::explainer
