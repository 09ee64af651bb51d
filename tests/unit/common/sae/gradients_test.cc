// The reference against central differences, and the fast engine against the reference.
#include "common/sae/gradients.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/sae/reference.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

struct Case {
  int dim, latents, k, aux_k, rows;
  bool relu;
  int dead_every;  // every n-th latent is dead; 0 = none
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << "d" << c.dim << " F" << c.latents << " k" << c.k << " aux" << c.aux_k << " n" << c.rows
       << (c.relu ? " relu" : "") << " dead" << c.dead_every;
}

template <typename T>
std::vector<T> As(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

template <typename T>
reference::Parameters<T> ParametersOf(const SaeWeights& weights) {
  return {As<T>(weights.encoder), As<T>(weights.encoder_bias), As<T>(weights.decoder),
          As<T>(weights.pre_bias)};
}

template <typename T>
reference::Problem<T> ProblemOf(const Case& c) {
  reference::Problem<T> problem;
  problem.dim = c.dim;
  problem.latents = c.latents;
  problem.k = c.k;
  problem.aux_k = c.aux_k;
  problem.aux_weight = T(0.7);
  problem.variance = T(1.3);
  problem.relu = c.relu;
  problem.dead.assign(static_cast<size_t>(c.latents), 0);
  for (int j = 0; c.dead_every > 0 && j < c.latents; j += c.dead_every) problem.dead[j] = 1;
  return problem;
}

SaeWeights WeightsOf(const Case& c) {
  return RandomWeights(c.dim, c.latents, c.k,
                       c.relu ? Architecture::kTopK : Architecture::kTopKSigned, 100);
}

class ReferenceTest : public ::testing::TestWithParam<Case> {};
class EngineTest : public ::testing::TestWithParam<Case> {};

// The loss is piecewise quadratic in each single parameter, so a central difference that stays
// within one piece is exact up to rounding.
TEST_P(ReferenceTest, MatchesCentralDifferences) {
  const Case& c = GetParam();
  const reference::Problem<double> problem = ProblemOf<double>(c);
  reference::Parameters<double> p = ParametersOf<double>(WeightsOf(c));
  const std::vector<double> x = As<double>(RandomValues(int64_t{c.rows} * c.dim, 7));
  reference::Parameters<double> gradient;
  const reference::Result<double> at = reference::Evaluate(problem, p, x.data(), c.rows, &gradient);
  constexpr double kStep = 1e-5;
  const auto check = [&](std::vector<double>& parameter, const std::vector<double>& expected,
                         const char* name) {
    double norm = 0.0;
    for (double g : expected) norm = std::max(norm, std::abs(g));
    for (size_t i = 0; i < parameter.size(); ++i) {
      const double before = parameter[i];
      const auto loss = [&](double value) {
        parameter[i] = value;
        return reference::Evaluate<double>(problem, p, x.data(), c.rows, nullptr, &at.e).loss;
      };
      const double difference = (loss(before + kStep) - loss(before - kStep)) / (2.0 * kStep);
      parameter[i] = before;
      EXPECT_NEAR(difference, expected[i], 1e-6 * norm) << name << "[" << i << "]";
    }
  };
  check(p.encoder, gradient.encoder, "encoder");
  check(p.encoder_bias, gradient.encoder_bias, "encoder_bias");
  check(p.decoder, gradient.decoder, "decoder");
  check(p.pre_bias, gradient.pre_bias, "pre_bias");
}

TEST_P(EngineTest, MatchesReference) {
  const Case& c = GetParam();
  const reference::Problem<double> problem = ProblemOf<double>(c);
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

// Small enough to move every parameter by itself.
const auto kSmall = ::testing::Values(Case{6, 12, 3, 2, 5, true, 0},    // no dead latents
                                      Case{6, 12, 3, 2, 5, true, 3},    // more dead than k_aux
                                      Case{6, 12, 3, 10, 5, true, 4},   // fewer
                                      Case{6, 12, 3, 2, 5, false, 3},   // TopK without ReLU
                                      Case{5, 9, 9, 9, 4, true, 1},     // k = F, all dead
                                      Case{1, 1, 1, 1, 3, false, 1},    // the smallest there is
                                      Case{13, 67, 8, 6, 7, true, 5});  // no multiple of a vector
INSTANTIATE_TEST_SUITE_P(Small, ReferenceTest, kSmall);
INSTANTIATE_TEST_SUITE_P(Small, EngineTest, kSmall);
INSTANTIATE_TEST_SUITE_P(Large, EngineTest,
                         ::testing::Values(Case{64, 1024, 8, 32, 150, true, 9},  // the real size
                                           Case{17, 131, 70, 66, 65, false, 2}));

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
