// The fast engine against the reference.
#include "common/sae/gradients.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/sae/reference.h"
#include "tests/unit/common/sae/reference_testing.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

struct Case {
  int dim, latents, k, aux_k, rows;
  Architecture architecture;
  int dead_every;  // every n-th latent is dead; 0 = none
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << "d" << c.dim << " F" << c.latents << " k" << c.k << " aux" << c.aux_k << " n" << c.rows
       << " architecture" << static_cast<int>(c.architecture) << " dead" << c.dead_every;
}

reference::Problem<double> ProblemOf(const Case& c) {
  reference::Problem<double> problem;
  problem.architecture = c.architecture;
  problem.dim = c.dim;
  problem.latents = c.latents;
  problem.k = c.k;
  problem.aux_k = c.aux_k;
  problem.aux_weight = 0.7;
  problem.variance = 1.3;
  problem.dead.assign(static_cast<size_t>(c.latents), 0);
  for (int j = 0; c.dead_every > 0 && j < c.latents; j += c.dead_every) problem.dead[j] = 1;
  return problem;
}

SaeWeights WeightsOf(const Case& c) {
  return RandomWeights(c.dim, c.latents, c.k, c.architecture, 100);
}

class EngineTest : public ::testing::TestWithParam<Case> {};

TEST_P(EngineTest, MatchesReference) {
  const Case& c = GetParam();
  const reference::Problem<double> problem = ProblemOf(c);
  const SaeWeights weights = WeightsOf(c);
  const std::vector<float> x = RandomValues(int64_t{c.rows} * c.dim, 7);
  reference::Parameters<double> expected;
  const reference::Result<double> result = reference::Evaluate(
      problem, ParametersOf<double>(weights), As<double>(x).data(), c.rows, &expected);

  LossConfig loss;
  loss.aux_k = problem.aux_k;
  loss.aux_weight = static_cast<float>(problem.aux_weight);
  loss.weight = static_cast<float>(1.0 / (c.rows * problem.variance));
  std::vector<int32_t> dead;
  for (int j = 0; j < c.latents; ++j) {
    if (problem.dead[j]) dead.push_back(j);
  }
  ShardGradients actual(c.dim, c.latents);
  AccumulateGradients(weights, loss, dead, x.data(), c.rows, actual);
  FinishPreBias(weights, actual);

  EXPECT_NEAR(actual.squared_error * loss.weight, result.reconstruction,
              1e-5 * result.reconstruction);
  EXPECT_NEAR(actual.aux_squared_error * loss.weight, result.auxiliary, 1e-5 * result.auxiliary);
  int64_t active = 0;
  std::vector<uint8_t> fired(static_cast<size_t>(c.latents));
  for (const reference::Code<double>& code : result.codes) {
    active += static_cast<int64_t>(code.latents.size());
    for (int j : code.latents) fired[static_cast<size_t>(j)] = 1;
  }
  EXPECT_EQ(actual.active, active);
  EXPECT_EQ(actual.fired, fired);
  const auto check = [](const std::vector<float>& fast, const std::vector<double>& plain,
                        const char* name) {
    ASSERT_EQ(fast.size(), plain.size());
    double largest = 0.0;
    for (double g : plain) largest = std::max(largest, std::abs(g));
    for (size_t i = 0; i < fast.size(); ++i) {
      EXPECT_NEAR(fast[i], plain[i], 2e-5 * largest) << name << "[" << i << "]";
    }
  };
  check(actual.encoder, expected.encoder, "encoder");
  check(actual.encoder_bias, expected.encoder_bias, "encoder_bias");
  check(actual.decoder, expected.decoder, "decoder");
  check(actual.pre_bias, expected.pre_bias, "pre_bias");
}

constexpr Architecture kTopK = Architecture::kTopK;
constexpr Architecture kTopKSigned = Architecture::kTopKSigned;
INSTANTIATE_TEST_SUITE_P(
    Sizes, EngineTest,
    ::testing::Values(Case{6, 12, 3, 2, 5, kTopK, 0},        // no dead latents
                      Case{6, 12, 3, 2, 5, kTopK, 3},        // more dead than k_aux
                      Case{6, 12, 3, 10, 5, kTopK, 4},       // fewer
                      Case{6, 12, 3, 2, 5, kTopKSigned, 3},  // TopK without ReLU
                      Case{5, 9, 9, 9, 4, kTopK, 1},         // k = F, all dead
                      Case{1, 1, 1, 1, 3, kTopKSigned, 1},   // the smallest there is
                      Case{13, 67, 8, 6, 7, kTopK, 5},       // no multiple of a vector
                      Case{64, 1024, 8, 32, 150, kTopK, 9},  // the real size
                      Case{17, 131, 70, 66, 65, kTopKSigned, 2}));

// Where no pre-activation is positive there is nothing to learn but pre_bias.
TEST(GradientsEdgeTest, AllNegativeRowsTrainOnlyThePreBias) {
  SaeWeights weights = RandomWeights(4, 8, 3, Architecture::kTopK, 31);
  std::fill(weights.encoder.begin(), weights.encoder.end(), 0.0f);
  std::fill(weights.encoder_bias.begin(), weights.encoder_bias.end(), -1.0f);
  const std::vector<float> x = RandomValues(3 * 4, 32);
  ShardGradients actual(4, 8);
  AccumulateGradients(weights, {2, 0.5f, 1.0f}, {1, 2, 3}, x.data(), 3, actual);
  FinishPreBias(weights, actual);
  EXPECT_EQ(actual.active, 0);
  EXPECT_EQ(actual.encoder, std::vector<float>(32));
  EXPECT_EQ(actual.decoder, std::vector<float>(32));
  for (int i = 0; i < 4; ++i) {
    double expected = 0.0;
    for (int r = 0; r < 3; ++r) expected -= 2.0 * (x[r * 4 + i] - weights.pre_bias[i]);
    EXPECT_NEAR(actual.pre_bias[i], expected, 1e-5);
  }
  // Nothing revived: the whole error is missing from the auxiliary reconstruction too.
  EXPECT_DOUBLE_EQ(actual.aux_squared_error, actual.squared_error);
}

TEST(GradientsEdgeTest, TiesTrainTheLowerLatents) {
  SaeWeights weights = RandomWeights(4, 8, 2, Architecture::kTopK, 41);
  std::fill(weights.encoder.begin(), weights.encoder.end(), 0.0f);
  std::fill(weights.encoder_bias.begin(), weights.encoder_bias.end(), 1.0f);
  const std::vector<float> x = RandomValues(4, 42);
  ShardGradients actual(4, 8);
  AccumulateGradients(weights, {1, 0.0f, 1.0f}, {}, x.data(), 1, actual);
  EXPECT_EQ(actual.fired, (std::vector<uint8_t>{1, 1, 0, 0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace recsae::sae
