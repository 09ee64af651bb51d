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
  std::vector<int> prefixes = {};
  bool encoder_bias = true;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << "d" << c.dim << " F" << c.latents << " k" << c.k << " aux" << c.aux_k << " n" << c.rows
       << " architecture" << static_cast<int>(c.architecture) << " dead" << c.dead_every
       << " prefixes" << c.prefixes.size() << " bias" << c.encoder_bias;
}

LossConfig LossOf(const Case& c) {
  LossConfig loss;
  loss.prefixes = c.prefixes;
  for (int j = 0; c.dead_every > 0 && j < c.latents; j += c.dead_every) loss.dead.push_back(j);
  loss.aux_k = c.aux_k;
  loss.aux_weight = 0.7;
  loss.sparsity_weight = 0.3;
  loss.bandwidth = 0.4;
  loss.variance = 1.3;
  return loss;
}

reference::Problem<double> ProblemOf(const Case& c) {
  const LossConfig loss = LossOf(c);
  reference::Problem<double> problem;
  problem.architecture = c.architecture;
  problem.dim = c.dim;
  problem.latents = c.latents;
  problem.k = c.k;
  problem.prefixes = loss.prefixes;
  problem.sparsity_weight = loss.sparsity_weight;
  problem.bandwidth = loss.bandwidth;
  problem.aux_k = loss.aux_k;
  problem.aux_weight = loss.aux_weight;
  problem.variance = loss.variance;
  problem.dead.assign(static_cast<size_t>(c.latents), 0);
  for (int j : loss.dead) problem.dead[static_cast<size_t>(j)] = 1;
  return problem;
}

SaeWeights WeightsOf(const Case& c) {
  SaeWeights weights = RandomWeights(c.dim, c.latents, c.k, c.architecture, 100);
  if (!c.encoder_bias) weights.encoder_bias.clear();
  return weights;
}

// One of the gradient matrices, with zeros for the latents that nothing contributed to.
std::vector<float> Matrix(const BatchGradients& gradients, const SaeWeights& weights,
                          const float* (BatchGradients::*row)(int) const) {
  std::vector<float> matrix;
  for (int j = 0; j < weights.latents; ++j) {
    const float* values = (gradients.*row)(j);
    const bool any = gradients.has_gradient(j);
    for (int i = 0; i < weights.dim; ++i) matrix.push_back(any ? values[i] : 0.0f);
  }
  return matrix;
}

void ExpectClose(const std::vector<float>& fast, const std::vector<double>& plain,
                 const char* name) {
  ASSERT_EQ(fast.size(), plain.size()) << name;
  double largest = 0.0;
  for (double g : plain) largest = std::max(largest, std::abs(g));
  for (size_t i = 0; i < fast.size(); ++i) {
    ASSERT_NEAR(fast[i], plain[i], 2e-5 * largest) << name << "[" << i << "]";
  }
}

class EngineTest : public ::testing::TestWithParam<Case> {};

// The second batch of the same gradients, which BatchTopK screens by what it learnt from the first.
TEST_P(EngineTest, MatchesReference) {
  const Case& c = GetParam();
  const SaeWeights weights = WeightsOf(c);
  const LossConfig loss = LossOf(c);
  BatchGradients gradients;
  math::WorkerPool pool(2);
  for (uint64_t batch = 0; batch < 2; ++batch) {
    const std::vector<float> x = RandomValues(int64_t{c.rows} * c.dim, 7 + batch);
    reference::Parameters<double> expected;
    const reference::Result<double> result = reference::Evaluate(
        ProblemOf(c), ParametersOf<double>(weights), As<double>(x).data(), c.rows, &expected);
    const BatchLoss actual = gradients.Compute(weights, loss, x.data(), c.rows, pool);

    EXPECT_NEAR(actual.reconstruction, result.reconstruction, 1e-5 * result.reconstruction);
    EXPECT_NEAR(actual.fvu, result.fvu, 1e-5 * result.fvu);
    EXPECT_NEAR(actual.aux, result.auxiliary, 1e-5 * result.auxiliary);
    EXPECT_NEAR(actual.sparsity, loss.sparsity_weight * result.sparsity, 1e-5 * result.sparsity);
    EXPECT_NEAR(actual.loss, result.loss, 1e-5 * result.loss);
    EXPECT_NEAR(actual.l0, result.l0, 1e-9 * result.l0);
    std::vector<char> fired(static_cast<size_t>(c.latents));
    for (const reference::Code<double>& code : result.codes) {
      for (int j : code.latents) fired[static_cast<size_t>(j)] = 1;
    }
    for (int j = 0; j < c.latents; ++j) {
      EXPECT_EQ(gradients.fired(j), fired[static_cast<size_t>(j)] != 0) << j;
    }
    ExpectClose(Matrix(gradients, weights, &BatchGradients::encoder), expected.encoder, "encoder");
    ExpectClose(Matrix(gradients, weights, &BatchGradients::decoder), expected.decoder, "decoder");
    if (c.encoder_bias) {
      ExpectClose(gradients.encoder_bias(), expected.encoder_bias, "encoder_bias");
    }
    ExpectClose(gradients.pre_bias(), expected.pre_bias, "pre_bias");
    ExpectClose(gradients.threshold(), expected.threshold, "threshold");
    double squared = 0.0;
    for (const auto* part :
         {&expected.encoder, &expected.encoder_bias, &expected.decoder, &expected.pre_bias}) {
      for (double g : *part) squared += g * g;
    }
    EXPECT_NEAR(actual.squared_gradient, squared, 1e-4 * squared);
  }
}

constexpr Architecture kTopK = Architecture::kTopK;
constexpr Architecture kTopKSigned = Architecture::kTopKSigned;
constexpr Architecture kBatchTopK = Architecture::kBatchTopK;
constexpr Architecture kJumpRelu = Architecture::kJumpRelu;
constexpr Architecture kRelu = Architecture::kRelu;

INSTANTIATE_TEST_SUITE_P(
    TopK, EngineTest,
    ::testing::Values(Case{6, 12, 3, 2, 5, kTopK, 0},                     // no dead latents
                      Case{6, 12, 3, 2, 5, kTopK, 3},                     // more dead than k_aux
                      Case{6, 12, 3, 10, 5, kTopK, 4},                    // fewer
                      Case{6, 12, 3, 10, 5, kTopK, 4, {}, false},         // no encoder bias
                      Case{6, 12, 3, 2, 5, kTopKSigned, 3},               // TopK without ReLU
                      Case{5, 9, 9, 9, 4, kTopK, 1},                      // k = F, all dead
                      Case{1, 1, 1, 1, 3, kTopKSigned, 1},                // the smallest there is
                      Case{13, 67, 8, 6, 7, kTopK, 5},                    // no multiple of a vector
                      Case{13, 67, 8, 6, 7, kTopK, 5, {1, 20, 66}},       // Matryoshka
                      Case{13, 67, 8, 6, 300, kTopKSigned, 0, {30, 67}},  // several blocks
                      Case{64, 1024, 8, 32, 150, kTopK, 9},               // the real size
                      Case{64, 1024, 8, 32, 150, kTopKSigned, 9, {256}},  // many dead latents
                      Case{17, 131, 70, 66, 65, kTopKSigned, 2},          // k beyond the groups
                      Case{264, 1100, 24, 9, 20, kTopK, 50}));            // several tiles

INSTANTIATE_TEST_SUITE_P(
    BatchTopK, EngineTest,
    ::testing::Values(Case{6, 12, 3, 2, 5, kBatchTopK, 0}, Case{6, 12, 3, 2, 5, kBatchTopK, 3},
                      Case{6, 12, 12, 2, 5, kBatchTopK, 0},  // all that is positive
                      Case{13, 67, 8, 6, 300, kBatchTopK, 5, {10, 30}},
                      Case{13, 67, 8, 2, 300, kBatchTopK, 5, {10, 30}},  // dead ones in lists
                      Case{64, 1024, 8, 32, 150, kBatchTopK, 9, {}, false}));

INSTANTIATE_TEST_SUITE_P(Thresholds, EngineTest,
                         ::testing::Values(Case{6, 12, 3, 2, 5, kJumpRelu, 0},
                                           Case{13, 67, 8, 6, 7, kJumpRelu, 5},
                                           Case{13, 67, 8, 6, 300, kJumpRelu, 5, {}, false},
                                           Case{64, 1024, 8, 32, 150, kJumpRelu, 9},
                                           Case{6, 12, 3, 2, 5, kRelu, 0},
                                           Case{13, 67, 8, 6, 300, kRelu, 5, {}, false},
                                           Case{64, 1024, 8, 32, 150, kRelu, 9},
                                           Case{264, 1100, 24, 9, 20, kJumpRelu, 50}));

// Decoder gradients without what points along the rows, and their squares without it too.
TEST(GradientsTest, ProjectsTheDecoder) {
  const Case c{13, 67, 8, 6, 7, kTopK, 5};
  SaeWeights weights = WeightsOf(c);
  math::NormaliseRows(weights.decoder.data(), c.latents, c.dim);
  LossConfig loss = LossOf(c);
  const std::vector<float> x = RandomValues(int64_t{c.rows} * c.dim, 7);
  math::WorkerPool pool(1);
  BatchGradients plain;
  const BatchLoss before = plain.Compute(weights, loss, x.data(), c.rows, pool);
  loss.project_decoder = true;
  BatchGradients projected;
  const BatchLoss after = projected.Compute(weights, loss, x.data(), c.rows, pool);
  double removed = 0.0;
  for (int j = 0; j < c.latents; ++j) {
    if (!plain.has_gradient(j)) continue;
    const float* w = &weights.decoder[static_cast<size_t>(j * c.dim)];
    double along = 0.0;
    double left = 0.0;
    for (int i = 0; i < c.dim; ++i) {
      along += static_cast<double>(plain.decoder(j)[i]) * w[i];
      left += static_cast<double>(projected.decoder(j)[i]) * w[i];
    }
    EXPECT_NEAR(left, 0.0, 1e-5 * std::abs(along) + 1e-7);
    removed += along * along;
  }
  EXPECT_NEAR(after.squared_gradient, before.squared_gradient - removed,
              1e-5 * before.squared_gradient);
}

TEST(GradientsTest, TheSameToTheBitOnAnyNumberOfThreads) {
  for (Architecture architecture : {kTopK, kBatchTopK, kJumpRelu}) {
    const Case c{64, 1024, 8, 32, 700, architecture, 9, {}};
    const SaeWeights weights = WeightsOf(c);
    const std::vector<float> x = RandomValues(int64_t{c.rows} * c.dim, 7);
    math::WorkerPool one(1);
    BatchGradients expected;
    const BatchLoss loss = expected.Compute(weights, LossOf(c), x.data(), c.rows, one);
    for (int threads : {2, 3, 8}) {
      math::WorkerPool pool(threads);
      BatchGradients actual;
      EXPECT_EQ(actual.Compute(weights, LossOf(c), x.data(), c.rows, pool).loss, loss.loss);
      EXPECT_EQ(Matrix(actual, weights, &BatchGradients::encoder),
                Matrix(expected, weights, &BatchGradients::encoder));
      EXPECT_EQ(Matrix(actual, weights, &BatchGradients::decoder),
                Matrix(expected, weights, &BatchGradients::decoder));
      EXPECT_EQ(actual.pre_bias(), expected.pre_bias());
      EXPECT_EQ(actual.threshold(), expected.threshold());
    }
  }
}

TEST(GradientsTest, RowsMayLieAnywhere) {
  const Case c{13, 67, 8, 6, 300, kBatchTopK, 5};
  const SaeWeights weights = WeightsOf(c);
  const std::vector<float> x = RandomValues(int64_t{c.rows} * c.dim, 7);
  // Backwards, every second place, the last row at the start.
  std::vector<float> scattered(x.size() * 2, NAN);
  std::vector<int64_t> at;
  for (int64_t row = 0; row < c.rows; ++row) {
    at.push_back(2 * (c.rows - 1 - row));
    std::copy_n(&x[static_cast<size_t>(row * c.dim)], c.dim,
                &scattered[static_cast<size_t>(at.back() * c.dim)]);
  }
  math::WorkerPool pool(2);
  BatchGradients expected;
  BatchGradients actual;
  const BatchLoss loss = expected.Compute(weights, LossOf(c), x.data(), c.rows, pool);
  EXPECT_EQ(actual.Compute(weights, LossOf(c), {scattered.data(), at.data()}, c.rows, pool).loss,
            loss.loss);
  EXPECT_EQ(actual.centred(), expected.centred());
  EXPECT_EQ(Matrix(actual, weights, &BatchGradients::encoder),
            Matrix(expected, weights, &BatchGradients::encoder));
}

// Where no pre-activation is positive there is nothing to learn but pre_bias.
TEST(GradientsTest, AllNegativeRowsTrainOnlyThePreBias) {
  SaeWeights weights = RandomWeights(4, 8, 3, Architecture::kTopK, 31);
  std::fill(weights.encoder.begin(), weights.encoder.end(), 0.0f);
  std::fill(weights.encoder_bias.begin(), weights.encoder_bias.end(), -1.0f);
  const std::vector<float> x = RandomValues(3 * 4, 32);
  LossConfig loss;
  loss.dead = {1, 2, 3};
  loss.aux_k = 2;
  loss.aux_weight = 0.5;
  math::WorkerPool pool(1);
  BatchGradients actual;
  const BatchLoss result = actual.Compute(weights, loss, x.data(), 3, pool);
  EXPECT_EQ(result.l0, 0.0);
  for (int j = 0; j < 8; ++j) EXPECT_FALSE(actual.has_gradient(j));
  for (int i = 0; i < 4; ++i) {
    double expected = 0.0;
    for (int r = 0; r < 3; ++r) expected -= 2.0 / 3.0 * (x[r * 4 + i] - weights.pre_bias[i]);
    EXPECT_NEAR(actual.pre_bias()[i], expected, 1e-5);
  }
  // Nothing revived: the whole error is missing from the auxiliary reconstruction too.
  EXPECT_NEAR(result.aux, result.fvu, 1e-6 * result.fvu);
}

TEST(GradientsTest, TiesTrainTheLowerLatents) {
  SaeWeights weights = RandomWeights(4, 8, 2, Architecture::kTopK, 41);
  std::fill(weights.encoder.begin(), weights.encoder.end(), 0.0f);
  std::fill(weights.encoder_bias.begin(), weights.encoder_bias.end(), 1.0f);
  const std::vector<float> x = RandomValues(4, 42);
  math::WorkerPool pool(1);
  BatchGradients actual;
  actual.Compute(weights, LossConfig(), x.data(), 1, pool);
  for (int j = 0; j < 8; ++j) EXPECT_EQ(actual.fired(j), j < 2) << j;
}

}  // namespace
}  // namespace recsae::sae
