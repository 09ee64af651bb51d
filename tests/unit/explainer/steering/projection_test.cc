// Projections against the normal equations, solved by plain elimination.
#include "services/explainer/steering/projection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <utility>

namespace recsae::explainer {
namespace {

constexpr int kDim = 12;

std::vector<float> RandomDirection(std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<float> direction(kDim);
  for (float& value : direction) value = normal(random);
  return direction;
}

// A c of the c that solves (A^T A) c = A^T x, the directions being the columns of A.
std::vector<double> NaivePart(const std::vector<std::vector<float>>& directions,
                              const std::vector<double>& x) {
  const size_t n = directions.size();
  std::vector<std::vector<double>> rows(n, std::vector<double>(n + 1));
  for (size_t a = 0; a < n; ++a) {
    for (size_t b = 0; b < n; ++b) {
      for (int i = 0; i < kDim; ++i) {
        rows[a][b] += static_cast<double>(directions[a][i]) * directions[b][i];
      }
    }
    for (int i = 0; i < kDim; ++i) rows[a][n] += directions[a][i] * x[i];
  }
  for (size_t p = 0; p < n; ++p) {
    for (size_t r = 0; r < n; ++r) {
      if (r == p) continue;
      const double factor = rows[r][p] / rows[p][p];
      for (size_t c = p; c <= n; ++c) rows[r][c] -= factor * rows[p][c];
    }
  }
  std::vector<double> part(kDim);
  for (size_t a = 0; a < n; ++a) {
    for (int i = 0; i < kDim; ++i) part[i] += rows[a][n] / rows[a][a] * directions[a][i];
  }
  return part;
}

TEST(Subspace, ProjectsAsTheNormalEquationsDo) {
  std::mt19937_64 random(5);
  for (const int count : {1, 2, 5, 11}) {
    std::vector<std::vector<float>> directions;
    Subspace subspace;
    for (int i = 0; i < count; ++i) {
      directions.push_back(RandomDirection(random));
      subspace.Add(directions.back());
    }
    const std::vector<float> point = RandomDirection(random);
    const std::vector<double> x(point.begin(), point.end());
    const std::vector<double> part = subspace.PartOf(x);
    const std::vector<double> naive = NaivePart(directions, x);
    for (int i = 0; i < kDim; ++i) EXPECT_NEAR(part[i], naive[i], 1e-8);
  }
}

TEST(Subspace, WhatIsInTheSpanAddsNothing) {
  std::mt19937_64 random(6);
  const std::vector<float> a = RandomDirection(random);
  const std::vector<float> b = RandomDirection(random);
  std::vector<float> both(kDim);
  for (int i = 0; i < kDim; ++i) both[i] = 2 * a[i] - b[i];
  Subspace two;
  two.Add(a);
  two.Add(b);
  Subspace four = two;
  four.Add(both);
  four.Add(std::vector<float>(kDim));
  const std::vector<float> point = RandomDirection(random);
  const std::vector<double> x(point.begin(), point.end());
  EXPECT_EQ(two.PartOf(x), four.PartOf(x));
  EXPECT_EQ(Subspace().PartOf(x), std::vector<double>(kDim));
}

}  // namespace
}  // namespace recsae::explainer
