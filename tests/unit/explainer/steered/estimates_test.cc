// Jackknife estimates against leaving out each user for real.
#include "services/explainer/steered/estimates.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

namespace recsae::explainer {
namespace {

struct Sample {
  std::vector<double> a, b;
  std::vector<int32_t> users;
};

Sample RandomSample(uint64_t seed) {
  std::mt19937_64 random(seed);
  Sample sample;
  for (int i = 0; i < 60; ++i) {
    sample.a.push_back(std::uniform_real_distribution<>(0, 1)(random));
    sample.b.push_back(std::uniform_real_distribution<>(1, 2)(random));
    sample.users.push_back(std::uniform_int_distribution<>(100, 111)(random));
  }
  return sample;
}

double RatioWithout(const Sample& sample, int32_t left_out) {
  double a = 0, b = 0;
  for (size_t i = 0; i < sample.a.size(); ++i) {
    if (sample.users[i] == left_out) continue;
    a += sample.a[i];
    b += sample.b[i];
  }
  return a / b;
}

TEST(Estimates, RatioIsThatOfLeavingOutEachUser) {
  for (const uint64_t seed : {1, 2, 3}) {
    const Sample sample = RandomSample(seed);
    const std::set<int32_t> users(sample.users.begin(), sample.users.end());
    std::vector<double> without;
    for (const int32_t user : users) without.push_back(RatioWithout(sample, user));
    double mean = 0;
    for (const double value : without) mean += value / static_cast<double>(without.size());
    double squares = 0;
    for (const double value : without) squares += (value - mean) * (value - mean);
    const auto n = static_cast<double>(without.size());
    const double reach = 1.959963984540054 * std::sqrt((n - 1) / n * squares);
    const Estimate estimate = RatioOverUsers(sample.a, sample.b, sample.users);
    EXPECT_NEAR(estimate.value, RatioWithout(sample, -1), 1e-12);
    EXPECT_NEAR(estimate.low, estimate.value - reach, 1e-9);
    EXPECT_NEAR(estimate.high, estimate.value + reach, 1e-9);
  }
}

TEST(Estimates, RowsOfOneUserAreNoFurtherEvidence) {
  // The same four users, once and a hundred times.
  const std::vector<double> values = {0.1, 0.4, 0.2, 0.7};
  const std::vector<int32_t> users = {1, 2, 3, 4};
  std::vector<double> often;
  std::vector<int32_t> of;
  for (int i = 0; i < 100; ++i) {
    often.insert(often.end(), values.begin(), values.end());
    of.insert(of.end(), users.begin(), users.end());
  }
  const Estimate once = MeanOverUsers(values, users);
  const Estimate repeated = MeanOverUsers(often, of);
  EXPECT_NEAR(once.low, repeated.low, 1e-9);
  EXPECT_NEAR(once.high, repeated.high, 1e-9);
  EXPECT_LT(once.low, once.high);
}

TEST(Estimates, NothingIsZero) {
  EXPECT_EQ(MeanOverUsers({}, {}).value, 0);
  EXPECT_EQ(
      RatioOverUsers(std::vector<double>{1}, std::vector<double>{0}, std::vector<int32_t>{0}).value,
      0);
}

TEST(Estimates, Contains) {
  const Estimate estimate = {1, -1, 3};
  EXPECT_TRUE(estimate.Contains(0));
  EXPECT_FALSE(estimate.Contains(3.5));
}

}  // namespace
}  // namespace recsae::explainer
