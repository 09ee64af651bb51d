// Effects of history items on scores, and vectors as weighted sums.
#include "services/explainer/attribution/reasons.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/unit/explainer/random_model.h"

namespace recsae::explainer {
namespace {

constexpr int kDim = 10;

TEST(HistoryEffectsTest, AreDifferencesOfScoresRaisingFirstStrongestFirst) {
  std::mt19937_64 random(3);
  const auto sae = *sae::SaeModel::Create(RandomWeights(kDim, 30, 4, 1, random));
  const PredictionHead head = RandomHead(kDim, 20, /*biases=*/true, random);
  const std::vector<float> with = RandomVector(kDim, random, 1);
  std::vector<float> without;
  std::vector<std::vector<float>> rows;
  for (int i = 0; i < 6; ++i) {
    rows.push_back(RandomVector(kDim, random, 1));
    without.insert(without.end(), rows.back().begin(), rows.back().end());
  }
  // All latents in two groups, so that the parts of an effect add up but for the SAE's error.
  std::vector<LatentGroup> groups(2);
  for (int32_t j = 0; j < 30; ++j) groups[j % 2].push_back({j, 0});
  const HistoryEffects effects(&sae, groups, with, without);
  const auto decoded = [&](const std::vector<float>& x) {
    std::vector<float> reconstruction(kDim);
    sae.Decode(sae.Encode(x.data()), reconstruction.data());
    return reconstruction;
  };
  for (int item = 0; item < 20; ++item) {
    const auto on = effects.On(head, item);
    ASSERT_EQ(on.size(), rows.size());
    for (size_t i = 0; i < on.size(); ++i) {
      const auto& row = rows[on[i].place];
      const double expected = Score(head, with, item) - Score(head, row, item);
      EXPECT_NEAR(on[i].effect, expected, 1e-5);
      const double through = Score(head, decoded(with), item) - Score(head, decoded(row), item);
      EXPECT_NEAR(on[i].groups[0] + on[i].groups[1], through, 1e-4);
      if (i == 0) continue;
      const double before = on[i - 1].effect;
      EXPECT_TRUE(on[i].effect > 0 ? before >= on[i].effect : before > 0 || before <= on[i].effect);
    }
  }
}

TEST(HistoryEffectsTest, HaveNoGroupsWithoutAnSae) {
  std::mt19937_64 random(4);
  const PredictionHead head = RandomHead(kDim, 3, /*biases=*/false, random);
  const std::vector<float> x = RandomVector(kDim, random, 1);
  const HistoryEffects effects(nullptr, {}, x, x);
  ASSERT_EQ(effects.size(), 1);
  EXPECT_EQ(effects.On(head, 0)[0].effect, 0);
  EXPECT_TRUE(effects.On(head, 0)[0].groups.empty());
}

// (V V' + r)^-1 V x by what it solves: V V' a + r a = V x.
void ExpectSolves(int rows, std::mt19937_64& random) {
  std::vector<float> v;
  for (int i = 0; i < rows; ++i) {
    const auto row = RandomVector(kDim, random, 1);
    v.insert(v.end(), row.begin(), row.end());
  }
  const std::vector<float> x = RandomVector(kDim, random, 2);
  const WeightedSum sum = FitWeightedSum(x, v);
  ASSERT_EQ(sum.weights.size(), static_cast<size_t>(rows));
  double squares = 0;
  for (const float value : v) squares += static_cast<double>(value) * value;
  std::vector<double> summed(kDim);
  for (int i = 0; i < rows; ++i) {
    for (int c = 0; c < kDim; ++c) summed[c] += sum.weights[i] * v[i * kDim + c];
  }
  double norm = 0, left = 0;
  for (int c = 0; c < kDim; ++c) {
    norm += static_cast<double>(x[c]) * x[c];
    left += (x[c] - summed[c]) * (x[c] - summed[c]);
  }
  EXPECT_NEAR(sum.fit, 1 - left / norm, 1e-9);
  for (int i = 0; i < rows; ++i) {
    double product = 0.1 * squares / rows * sum.weights[i], right = 0;
    for (int c = 0; c < kDim; ++c) {
      product += v[i * kDim + c] * summed[c];
      right += static_cast<double>(v[i * kDim + c]) * x[c];
    }
    EXPECT_NEAR(product, right, 1e-6 * (1 + std::abs(right)));
  }
}

TEST(FitWeightedSumTest, SolvesTheRidgeForFewAndForManyRows) {
  std::mt19937_64 random(5);
  for (const int rows : {1, 3, kDim, 50}) ExpectSolves(rows, random);
}

TEST(FitWeightedSumTest, TellsNothingOfNothing) {
  const std::vector<float> x(kDim, 1.0F), zeros(2 * kDim);
  EXPECT_EQ(FitWeightedSum(x, {}).fit, 0);
  EXPECT_EQ(FitWeightedSum(x, zeros).fit, 0);
  EXPECT_EQ(FitWeightedSum(zeros, x).fit, 0);
}

}  // namespace
}  // namespace recsae::explainer
