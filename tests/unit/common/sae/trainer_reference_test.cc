// Whole training steps of the fast engine against the reference, for every architecture.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "common/math/simd/kernels.h"
#include "common/sae/reference.h"
#include "common/sae/reference_adam.h"
#include "common/sae/trainer.h"
#include "tests/unit/common/sae/reference_testing.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

constexpr int kDimensions = 9;
constexpr int kLatents = 40;
constexpr int kBatch = 60;
constexpr double kVariance = 7.0;
constexpr double kScale = 1.5;

struct Case {
  Architecture architecture;
  std::vector<int> prefixes;
  bool encoder_bias;
  bool unit_norm_decoder;
  double clip_norm;
  double k_anneal_from = 1.0;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << "architecture" << static_cast<int>(c.architecture) << " prefixes" << c.prefixes.size()
       << " bias" << c.encoder_bias << " unit_norm" << c.unit_norm_decoder << " clip" << c.clip_norm
       << " from_k" << c.k_anneal_from;
}

TrainConfig ConfigOf(const Case& c) {
  TrainConfig config;
  config.architecture = c.architecture;
  config.latents = kLatents;
  config.k = 4;
  config.k_anneal_from = c.k_anneal_from;
  config.k_anneal_fraction = 0.04;  // the first 4 of 100 steps
  config.matryoshka_prefixes = c.prefixes;
  config.encoder_bias = c.encoder_bias;
  config.unit_norm_decoder = c.unit_norm_decoder;
  config.sparsity_weight = 0.02;
  config.bandwidth = 0.4;
  config.learning_rate = 0.01;
  config.epsilon = 1e-4;  // well above the rounding of gradients, so that Adam does not amplify it
  config.warmup_fraction = 0.0;
  config.decay_fraction = 0.0;
  config.clip_norm = c.clip_norm;
  config.batch_rows = kBatch;
  return config;
}

SaeWeights InitialWeights(const Case& c) {
  SaeWeights weights = RandomWeights(kDimensions, kLatents, 4, c.architecture, 200);
  if (!c.encoder_bias) weights.encoder_bias.clear();
  if (c.unit_norm_decoder) math::NormaliseRows(weights.decoder.data(), kLatents, kDimensions);
  weights.input_scale = static_cast<float>(kScale);
  return weights;
}

reference::Problem<double> ProblemOf(const TrainConfig& config) {
  reference::Problem<double> problem;
  problem.architecture = config.architecture;
  problem.dim = kDimensions;
  problem.latents = kLatents;
  problem.k = config.k;
  problem.prefixes = config.matryoshka_prefixes;
  problem.sparsity_weight = config.sparsity_weight;
  problem.bandwidth = config.bandwidth;
  problem.variance = kVariance;
  return problem;
}

void ExpectClose(const std::vector<float>& fast, const std::vector<double>& plain,
                 const char* name) {
  ASSERT_EQ(fast.size(), plain.size()) << name;
  for (size_t i = 0; i < fast.size(); ++i) {
    ASSERT_NEAR(fast[i], plain[i], 2e-5) << name << "[" << i << "]";
  }
}

class TrainerReferenceTest : public ::testing::TestWithParam<Case> {};

TEST_P(TrainerReferenceTest, FollowsTheReferenceForSomeSteps) {
  const TrainConfig config = ConfigOf(GetParam());
  const SaeWeights initial = InitialWeights(GetParam());
  const absl::StatusOr<std::unique_ptr<Trainer>> trainer =
      Trainer::CreateFrom(config, initial, kVariance, 100 * kBatch, 2);
  ASSERT_TRUE(trainer.ok()) << trainer.status();

  reference::Problem<double> problem = ProblemOf(config);
  const reference::AdamConfig<double> adam = {config.learning_rate, config.beta1,
                                              config.beta2,         config.epsilon,
                                              config.clip_norm,     config.unit_norm_decoder};
  reference::AdamState<double> state;
  for (uint64_t step = 0; step < 5; ++step) {
    problem.k = AnnealedK(config, static_cast<int64_t>(step), 100);
    const std::vector<float> rows = RandomValues(kBatch * kDimensions, 300 + step);
    std::vector<double> x = As<double>(rows);
    for (double& value : x) value *= kScale;
    // Each step starts from the engine's weights: were they left to drift apart, a latent near its
    // threshold would soon be active for one of the two alone. The moments are the reference's own.
    reference::Parameters<double> p = ParametersOf<double>((*trainer)->weights());
    reference::Parameters<double> gradient;
    const auto expected = reference::Evaluate(problem, p, x.data(), kBatch, &gradient);
    const double norm = reference::Step(adam, gradient, state, p);
    ASSERT_TRUE(config.clip_norm == 0.0 || norm > config.clip_norm) << norm;

    const absl::StatusOr<StepStats> stats = (*trainer)->Step(rows.data(), kBatch);
    ASSERT_TRUE(stats.ok()) << stats.status();
    EXPECT_NEAR(stats->loss, expected.loss, 1e-4 * expected.loss);
    EXPECT_NEAR(stats->l0, expected.l0, 1e-9);
    EXPECT_NEAR(stats->gradient_norm, norm, 1e-4 * norm);
    const SaeWeights& weights = (*trainer)->weights();
    ExpectClose(weights.encoder, p.encoder, "encoder");
    ExpectClose(weights.encoder_bias, p.encoder_bias, "encoder_bias");
    ExpectClose(weights.decoder, p.decoder, "decoder");
    ExpectClose(weights.pre_bias, p.pre_bias, "pre_bias");
    if (config.architecture == Architecture::kJumpRelu) {
      ExpectClose(weights.threshold, p.threshold, "threshold");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, TrainerReferenceTest,
    ::testing::Values(Case{Architecture::kTopK, {}, true, true, 0.0},
                      Case{Architecture::kTopK, {3, 11}, false, false, 0.01},
                      Case{Architecture::kTopKSigned, {}, false, true, 0.01},
                      Case{Architecture::kTopKSigned, {20}, true, true, 0.0},
                      Case{Architecture::kBatchTopK, {}, true, true, 0.01},
                      Case{Architecture::kBatchTopK, {8, 16, 40}, true, false, 0.0},
                      Case{Architecture::kTopK, {}, true, true, 0.0, 3.0},
                      Case{Architecture::kTopKSigned, {}, true, true, 0.0, 2.0},
                      Case{Architecture::kBatchTopK, {8, 16, 40}, true, true, 0.0, 2.5},
                      Case{Architecture::kJumpRelu, {}, true, true, 0.0},
                      Case{Architecture::kJumpRelu, {}, false, false, 0.01},
                      Case{Architecture::kRelu, {}, true, true, 0.01},
                      Case{Architecture::kRelu, {}, false, false, 0.0}));

}  // namespace
}  // namespace recsae::sae
