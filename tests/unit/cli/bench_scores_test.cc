#include <gtest/gtest.h>

#include <cmath>

#include "clients/cli/bench/scores.h"
#include "tests/unit/cli/bench_testing.h"

namespace recsae::cli::bench {
namespace {

const auto kNoProgress = [](int64_t, int64_t) { return absl::OkStatus(); };

TEST(FitDirections, IsByAbsoluteCosine) {
  // Three features on the axes; latents near the first, against the first, and near the third.
  const std::vector<float> features = {2, 0, 0, 0, 1, 0, 0, 0, 3};
  const std::vector<float> decoder = {0.8f, 0.6f, 0, -5, 0, 0, 0, 0.6f, 0.8f};
  math::WorkerPool pool(2);
  const auto fit = FitDirections(decoder, features, 3, pool, kNoProgress);
  ASSERT_TRUE(fit.ok());
  EXPECT_EQ(fit->nearest, (std::vector<int32_t>{0, 0, 2}));
  EXPECT_NEAR(fit->uniqueness, 2.0 / 3.0, 1e-6);
  // One to one: the first latent takes the second feature.
  EXPECT_NEAR(fit->mcc, (0.6 + 1.0 + 0.8) / 3.0, 1e-6);
}

TEST(FitDirections, MatchesEachOfFewerLatentsOrFeatures) {
  const std::vector<float> features = {1, 0, 0, 1};
  math::WorkerPool pool(1);
  const auto one = FitDirections(std::vector<float>{0.6f, 0.8f}, features, 2, pool, kNoProgress);
  ASSERT_TRUE(one.ok());
  EXPECT_NEAR(one->mcc, 0.8, 1e-6);
  EXPECT_EQ(one->uniqueness, 1.0);
  const std::vector<float> three = {1, 0, 1, 0, 0, 0};
  const auto fit = FitDirections(three, features, 2, pool, kNoProgress);
  ASSERT_TRUE(fit.ok());
  EXPECT_NEAR(fit->mcc, 0.5, 1e-6);  // two pairs, one of them of a direction of zeros or at 90°
  EXPECT_NEAR(fit->uniqueness, 1.0 / 3.0, 1e-6);
}

TEST(DetectionCounts, AreThoseOfABinaryClassifierForEachLatent) {
  // Latent 0 detects feature 2, latent 1 feature 0; latent 2 never fires.
  const std::vector<int32_t> nearest = {2, 0, 1};
  DetectionCounts counts(nearest, 3);
  counts.Add(std::vector<math::LatentActivation>{{0, 1.0f}, {1, 1.0f}}, {{0, 1.0f}, {2, 1.0f}});
  counts.Add(std::vector<math::LatentActivation>{{0, 1.0f}}, {{0, 1.0f}});
  counts.Add(std::vector<math::LatentActivation>{{1, 1.0f}}, {{1, 1.0f}, {2, 1.0f}});
  counts.Add(std::vector<math::LatentActivation>{}, {{2, 1.0f}});
  const Scores scores = counts.Result();
  // Latent 0: precision 1/2, recall 1/3, F1 .4; latent 1: 1/2 and 1/2; latent 2: 0.
  EXPECT_NEAR(scores.precision, (0.5 + 0.5) / 3.0, 1e-12);
  EXPECT_NEAR(scores.recall, (1.0 / 3.0 + 0.5) / 3.0, 1e-12);
  EXPECT_NEAR(scores.f1, (0.4 + 0.5) / 3.0, 1e-12);
  EXPECT_EQ(scores.dead, 1);
  EXPECT_NEAR(scores.l0, 1.0, 1e-12);
  EXPECT_NEAR(scores.true_l0, 1.5, 1e-12);
}

// As many features as dimensions, orthogonal and without a bias: the features themselves, with a
// threshold below every value, say all that is true.
TEST(Measure, TheTruthAboutOrthogonalFeaturesIsPerfect) {
  WorldSpec spec = TinySpec();
  spec.features = 40;
  spec.bias_norm = 0.0;
  spec.spread_mean = spec.spread_deviation = 0.05;
  World world = MakeTiny(spec);
  std::fill(world.features.begin(), world.features.end(), 0.0f);
  for (int i = 0; i < 40; ++i) world.features[i * 40 + i] = 1.0f;
  sae::SaeWeights weights;
  weights.dim = weights.latents = weights.k = 40;
  weights.architecture = sae::Architecture::kJumpRelu;
  weights.encoder = weights.decoder = world.features;
  weights.pre_bias.resize(40);
  weights.threshold.assign(40, 1e-4f);
  const auto model = sae::SaeModel::Create(weights);
  ASSERT_TRUE(model.ok());
  math::WorkerPool pool(2);
  const auto fit = FitDirections(weights.decoder, world.features, 40, pool, kNoProgress);
  ASSERT_TRUE(fit.ok());
  const Sampler sampler(world, 1);
  const Scores scores = Measure(*model, *fit, sampler, 0, 5000, pool);
  EXPECT_NEAR(scores.f1, 1.0, 1e-3);
  EXPECT_NEAR(scores.mcc, 1.0, 1e-6);
  EXPECT_EQ(scores.uniqueness, 1.0);
  EXPECT_NEAR(scores.explained_variance, 1.0, 1e-4);
  EXPECT_NEAR(scores.shrinkage, 1.0, 1e-4);
  EXPECT_NEAR(scores.l0, scores.true_l0, 0.01);
  math::WorkerPool one(1);
  EXPECT_EQ(Measure(*model, *fit, sampler, 0, 5000, one).explained_variance,
            scores.explained_variance);
}

}  // namespace
}  // namespace recsae::cli::bench
