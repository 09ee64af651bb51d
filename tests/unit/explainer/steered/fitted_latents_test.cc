// Fitted latents where the best weights are known, and against random ones where they are not.
#include "services/explainer/steered/fitted_latents.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "tests/unit/explainer/random_model.h"

namespace recsae::explainer {
namespace {

std::vector<int32_t> All(const sae::SaeModel& sae) {
  std::vector<int32_t> all(static_cast<size_t>(sae.latents()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// Latent j is the j-th axis.
sae::SaeModel Axes(int dim) {
  sae::SaeWeights weights;
  weights.dim = weights.latents = dim;
  weights.k = 1;
  weights.encoder.assign(static_cast<size_t>(dim) * dim, 0.0f);
  for (int i = 0; i < dim; ++i) weights.encoder[static_cast<size_t>(i) * dim + i] = 1;
  weights.decoder = weights.encoder;
  weights.encoder_bias.assign(dim, 0.0f);
  weights.pre_bias.assign(dim, 0.0f);
  return *sae::SaeModel::Create(weights);
}

double LengthOf(const std::vector<double>& v) {
  return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
}

TEST(FitLatents, OnAxesTakesWhatLeadsThereOrAway) {
  const sae::SaeModel sae = Axes(4);
  ListMoments moments = {4, {{3, -2, 0, -4}}, std::vector<double>(16)};
  for (int i = 0; i < 4; ++i) moments.disturbance[i * 5] = 1;
  const std::vector<LatentWeight> weights = FitLatents(sae, All(sae), moments, 0, 2);
  ASSERT_EQ(weights.size(), 2u);
  EXPECT_EQ(weights[0].latent, 3);
  EXPECT_NEAR(weights[0].weight, -0.8, 1e-6);
  EXPECT_EQ(weights[1].latent, 0);
  EXPECT_NEAR(weights[1].weight, 0.6, 1e-6);
}

TEST(FitLatents, LeavesWhatDisturbsMuch) {
  const sae::SaeModel sae = Axes(2);
  const ListMoments moments = {2, {{1, 1}}, {1, 0, 0, 9}};
  const std::vector<LatentWeight> weights = FitLatents(sae, All(sae), moments, 0);
  ASSERT_EQ(weights.size(), 2u);
  EXPECT_EQ(weights[0].latent, 0);
  // Cost 1 and 9, and a ridge of .3 of their mean: (9 + 1.5) / (1 + 1.5).
  EXPECT_NEAR(weights[0].weight / weights[1].weight, 4.2, 1e-3);
}

TEST(FitLatents, NothingLeadsAnywhere) {
  const sae::SaeModel sae = Axes(2);
  EXPECT_TRUE(FitLatents(sae, All(sae), {2, {{0, 0}}, {1, 0, 0, 1}}, 0).empty());
  EXPECT_TRUE(FitLatents(sae, {}, {2, {{1, 1}}, {1, 0, 0, 1}}, 0).empty());
}

TEST(FitLatents, AreFewOfLengthOneAndBetterThanOthers) {
  std::mt19937_64 random(7);
  const sae::SaeModel sae = RandomModel(8, 40, 3, 1.5f, random);
  ListMoments moments = {8, {std::vector<double>(8)}, std::vector<double>(64)};
  const std::vector<float> a = RandomVector(64, random);
  for (int i = 0; i < 8; ++i) {
    moments.towards[0][i] = a[i];
    for (int j = 0; j < 8; ++j) {
      for (int k = 0; k < 8; ++k) moments.disturbance[i * 8 + j] += a[i * 8 + k] * a[j * 8 + k];
    }
  }
  std::vector<double> cost = moments.disturbance;
  double trace = 0;
  for (int i = 0; i < 8; ++i) trace += cost[i * 9];
  for (int i = 0; i < 8; ++i) cost[i * 9] += 0.3 * trace / 8;
  // Gain squared over cost: what is best however far it goes.
  const auto worth = [&](const std::vector<double>& d) {
    double gain = 0, paid = 0;
    for (int i = 0; i < 8; ++i) {
      gain += moments.towards[0][i] * d[i];
      for (int j = 0; j < 8; ++j) paid += d[i] * cost[i * 8 + j] * d[j];
    }
    return gain > 0 ? gain * gain / paid : 0;
  };
  double before = 0;
  for (const int most : {1, 2, 4, 8}) {
    const auto weights = FitLatents(sae, All(sae), moments, 0, most);
    ASSERT_FALSE(weights.empty());
    EXPECT_LE(weights.size(), static_cast<size_t>(most));
    const std::vector<double> direction = DirectionOf(sae, weights);
    EXPECT_NEAR(LengthOf(direction), 1, 1e-6);
    EXPECT_GE(worth(direction), before - 1e-9);
    before = worth(direction);
  }
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<LatentWeight> other;
    for (int i = 0; i < 8; ++i) {
      other.push_back({std::uniform_int_distribution<>(0, 39)(random),
                       std::uniform_real_distribution<>(-1, 1)(random)});
    }
    EXPECT_LE(worth(DirectionOf(sae, other)), before);
  }
}

}  // namespace
}  // namespace recsae::explainer
