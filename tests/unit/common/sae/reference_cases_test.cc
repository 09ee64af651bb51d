// The reference against cases worked out by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "common/sae/reference.h"
#include "common/sae/reference_adam.h"

namespace recsae::sae {
namespace {

using reference::AdamConfig;
using reference::AdamState;
using reference::Code;
using reference::Evaluate;
using reference::Parameters;
using reference::Problem;
using reference::Result;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Values = std::vector<double>;

// Two rows, two dimensions, three latents. All numbers below are exact in binary.
//   x − pre_bias = (1, 1), (−1, 3)
//   pre          = (1, 0.5, −0.5), (−1, 2.5, 1.5)
// With variance 1 the gradient by x̂ is −(x − x̂).
const Values kRows = {2, 1, 0, 3};
constexpr int kRowCount = 2;

Parameters<double> TinyParameters() {
  return {{1, 0, 0, 1, -1, 0}, {0, -0.5, 0.5}, {1, 0, 0, 1, -1, 1}, {1, 0}, {}};
}

Problem<double> TinyProblem(Architecture architecture, int k) {
  Problem<double> problem;
  problem.architecture = architecture;
  problem.dim = 2;
  problem.latents = 3;
  problem.k = k;
  return problem;
}

class ReferenceCaseTest : public ::testing::Test {
 protected:
  void Run() { result_ = Evaluate(problem_, p_, kRows.data(), kRowCount, &gradient_); }

  void ExpectGradients(const Values& encoder, const Values& encoder_bias, const Values& decoder,
                       const Values& pre_bias) const {
    EXPECT_EQ(gradient_.encoder, encoder);
    EXPECT_EQ(gradient_.encoder_bias, encoder_bias);
    EXPECT_EQ(gradient_.decoder, decoder);
    EXPECT_EQ(gradient_.pre_bias, pre_bias);
  }

  Problem<double> problem_;
  Parameters<double> p_ = TinyParameters();
  Parameters<double> gradient_;
  Result<double> result_;
};

// x − x̂ = (0, 1), (−1, 0.5).
TEST_F(ReferenceCaseTest, TopK) {
  problem_ = TinyProblem(Architecture::kTopK, 1);
  Run();
  EXPECT_EQ(result_.pre, (std::vector<Values>{{1, 0.5, -0.5}, {-1, 2.5, 1.5}}));
  EXPECT_THAT(result_.codes[0].latents, ElementsAre(0));
  EXPECT_THAT(result_.codes[1].latents, ElementsAre(1));
  EXPECT_EQ(result_.e, (std::vector<Values>{{0, 1}, {-1, 0.5}}));
  EXPECT_EQ(result_.reconstruction, 1.125);
  EXPECT_EQ(result_.fvu, 1.125);
  EXPECT_EQ(result_.loss, 1.125);
  EXPECT_EQ(result_.l0, 1.0);
  ExpectGradients({0, 0, 0.5, -1.5, 0, 0}, {0, -0.5, 0}, {0, -1, 2.5, -1.25, 0, 0}, {1, -1});
  EXPECT_THAT(gradient_.threshold, IsEmpty());
}

TEST_F(ReferenceCaseTest, VarianceDividesLossAndGradients) {
  problem_ = TinyProblem(Architecture::kTopK, 1);
  problem_.variance = 2;
  Run();
  EXPECT_EQ(result_.loss, 0.5625);
  ExpectGradients({0, 0, 0.25, -0.75, 0, 0}, {0, -0.25, 0}, {0, -0.5, 1.25, -0.625, 0, 0},
                  {0.5, -0.5});
}

// pre = (1, 1, −1), (−1, 3, 1): row 1 is (0, 3), short of (−1, 3) by (−1, 0).
TEST_F(ReferenceCaseTest, WithoutEncoderBias) {
  problem_ = TinyProblem(Architecture::kTopK, 1);
  p_.encoder_bias.clear();
  Run();
  EXPECT_EQ(result_.pre, (std::vector<Values>{{1, 1, -1}, {-1, 3, 1}}));
  EXPECT_EQ(result_.loss, 1.0);
  ExpectGradients({0, 0, 0, 0, 0, 0}, {}, {0, -1, 3, 0, 0, 0}, {1, -1});
}

// x − x̂ = (−0.5, 1), (1.5, −1): negative values take part.
TEST_F(ReferenceCaseTest, TopKSigned) {
  problem_ = TinyProblem(Architecture::kTopKSigned, 3);
  Run();
  EXPECT_THAT(result_.codes[0].latents, ElementsAre(0, 1, 2));
  EXPECT_THAT(result_.codes[1].latents, ElementsAre(1, 2, 0));
  EXPECT_EQ(result_.loss, 2.25);
  EXPECT_EQ(result_.l0, 3.0);
  ExpectGradients({2, -4, -2, 2, -4, 6}, {-1, 0, 1}, {2, -2, -3.5, 2, -2.5, 2}, {1, 0});
}

// The first row gets nothing: x − x̂ = (1, 1), (0.5, −1).
TEST_F(ReferenceCaseTest, BatchTopK) {
  problem_ = TinyProblem(Architecture::kBatchTopK, 1);
  Run();
  EXPECT_THAT(result_.codes[0].latents, IsEmpty());
  EXPECT_THAT(result_.codes[1].latents, ElementsAre(1, 2));
  EXPECT_EQ(result_.loss, 1.625);
  EXPECT_EQ(result_.l0, 1.0);
  ExpectGradients({0, 0, -1, 3, -1.5, 4.5}, {0, 1, 1.5}, {0, 0, -1.25, 2.5, -0.75, 1.5}, {0, -1});
  EXPECT_THAT(gradient_.threshold, IsEmpty());
}

TEST(ReferenceCodesTest, BatchTopKTiesGoToLowerRowThenLowerLatent) {
  const std::vector<Values> pre = {{1, -1, 1}, {2, 1, 0}, {1, 1, 1}};
  const auto latents = [&pre](int k) {
    std::vector<std::vector<int>> all;
    for (const Code<double>& code : reference::BatchTopK(pre, k)) all.push_back(code.latents);
    return all;
  };
  using Latents = std::vector<std::vector<int>>;
  EXPECT_EQ(latents(1), (Latents{{0, 2}, {0}, {}}));
  EXPECT_EQ(latents(2), (Latents{{0, 2}, {0, 1}, {0, 1}}));
  EXPECT_EQ(latents(3), (Latents{{0, 2}, {0, 1}, {0, 1, 2}}));  // seven are above 0, not nine
}

// In use each row is encoded by itself, BatchTopK by its threshold.
TEST(ReferenceCodesTest, EncodesOneRow) {
  const Values pre = {0.5, -1, 2, 0.75};
  const Values threshold = {0.5, 0, 3, 0.5};
  const auto latents = [&](Architecture architecture) {
    return reference::Encode(architecture, 3, threshold, pre).latents;
  };
  EXPECT_THAT(latents(Architecture::kTopK), ElementsAre(2, 3, 0));
  EXPECT_THAT(latents(Architecture::kTopKSigned), ElementsAre(2, 3, 0));
  EXPECT_THAT(latents(Architecture::kBatchTopK), ElementsAre(3));
  EXPECT_THAT(latents(Architecture::kJumpRelu), ElementsAre(3));
  EXPECT_THAT(latents(Architecture::kRelu), ElementsAre(2, 3, 0));
}

// L0 = 1.5, x − x̂ = (0, 0.5), (−1, 0.5). By the thresholds, from the reconstruction:
// (0, 0.125, 2.625); from the sparsity: −1 each, as one row is near each threshold.
TEST_F(ReferenceCaseTest, JumpRelu) {
  problem_ = TinyProblem(Architecture::kJumpRelu, 1);
  problem_.sparsity_weight = 2;
  problem_.bandwidth = 1;
  p_.threshold = {0.75, 0.25, 1.75};
  Run();
  EXPECT_THAT(result_.codes[0].latents, ElementsAre(0, 1));
  EXPECT_THAT(result_.codes[1].latents, ElementsAre(1));
  EXPECT_EQ(result_.reconstruction, 0.75);
  EXPECT_EQ(result_.sparsity, 0.25);
  EXPECT_EQ(result_.loss, 1.25);
  EXPECT_EQ(result_.l0, 1.5);
  ExpectGradients({0, 0, 0, -2, 0, 0}, {0, -1, 0}, {0, -0.5, 2.5, -1.5, 0, 0}, {1, 0});
  EXPECT_EQ(gradient_.threshold, (Values{-1, -0.875, 1.625}));
}

// At half a bandwidth from the threshold a row no longer moves it.
TEST_F(ReferenceCaseTest, JumpReluKernelEndsAtHalfTheBandwidth) {
  problem_ = TinyProblem(Architecture::kJumpRelu, 1);
  problem_.sparsity_weight = 2;
  problem_.bandwidth = 1;
  p_.threshold = {0.75, 0.25, 2};
  Run();
  EXPECT_EQ(gradient_.threshold, (Values{-1, -0.875, 0}));
}

// x − x̂ = (0, 0.5), (0.5, −1); the codes sum to 1.5 and 4.
TEST_F(ReferenceCaseTest, Relu) {
  problem_ = TinyProblem(Architecture::kRelu, 1);
  problem_.sparsity_weight = 3;
  Run();
  EXPECT_EQ(result_.reconstruction, 0.75);
  EXPECT_EQ(result_.sparsity, 2.75);
  EXPECT_EQ(result_.loss, 9.0);
  EXPECT_EQ(result_.l0, 2.0);
  ExpectGradients({1.5, 1.5, -1.5, 8.5, -3, 9}, {1.5, 3.5, 3}, {0, -0.5, -1.25, 2.25, -0.75, 1.5},
                  {1, -3});
}

// Prefix 1: x − x̂ = (0, 1), (−1, 3). All: (0, 0.5), (0.5, −1).
TEST_F(ReferenceCaseTest, MatryoshkaPrefixes) {
  problem_ = TinyProblem(Architecture::kTopK, 2);
  problem_.prefixes = {1};
  Run();
  EXPECT_EQ(result_.reconstruction, 3.125);
  EXPECT_EQ(result_.fvu, 0.75);
  EXPECT_EQ(result_.loss, 3.125);
  EXPECT_EQ(result_.e, (std::vector<Values>{{0, 0.5}, {0.5, -1}}));
  ExpectGradients({0, 0, -0.75, 1.25, -0.75, 2.25}, {0, 0.25, 0.75},
                  {0, -0.75, -0.625, 1.125, -0.375, 0.75}, {1, -2});
  const Parameters<double> before = gradient_;
  problem_.prefixes = {1, 3};  // F is there already
  Run();
  EXPECT_EQ(result_.loss, 3.125);
  EXPECT_EQ(gradient_.decoder, before.decoder);
}

// As TopK, and latent 1, the larger dead one in both rows, leaves (0, 0.5), (−1, −2) of the error.
TEST_F(ReferenceCaseTest, Auxiliary) {
  problem_ = TinyProblem(Architecture::kTopK, 1);
  problem_.dead = {0, 1, 1};
  problem_.aux_k = 1;
  problem_.aux_weight = 0.5;
  Run();
  EXPECT_THAT(result_.aux_codes[0].latents, ElementsAre(1));
  EXPECT_THAT(result_.aux_codes[1].latents, ElementsAre(1));
  EXPECT_EQ(result_.reconstruction, 1.125);
  EXPECT_EQ(result_.auxiliary, 2.625);
  EXPECT_EQ(result_.loss, 2.4375);
  ExpectGradients({0, 0, -0.75, 1.25, 0, 0}, {0, 0.25, 0}, {0, -1, 3.75, 1.125, 0, 0}, {1, -1.75});
}

// The only dead latent is below 0 in the first row.
TEST_F(ReferenceCaseTest, AuxiliaryTakesWhatIsBelowZeroOnlyWhereTheCodeDoes) {
  for (Architecture architecture :
       {Architecture::kTopK, Architecture::kTopKSigned, Architecture::kBatchTopK,
        Architecture::kJumpRelu, Architecture::kRelu}) {
    problem_ = TinyProblem(architecture, 1);
    problem_.dead = {0, 0, 1};
    problem_.aux_k = 1;
    problem_.aux_weight = 0.5;
    p_.threshold = {2, 2, 2};  // not what the auxiliary code goes by
    Run();
    const size_t expected = architecture == Architecture::kTopKSigned ? 1 : 0;
    EXPECT_EQ(result_.aux_codes[0].latents.size(), expected);
    EXPECT_THAT(result_.aux_codes[1].latents, ElementsAre(2));
  }
}

// Moments 1 and 2 after the first gradient 2, 2.5 and 9 after the second, 4.
TEST(ReferenceAdamTest, TwoSteps) {
  const AdamConfig<double> config = {0.1, 0.5, 0.5, 0.25, 0, false};
  AdamState<double> state;
  Parameters<double> p = {{}, {}, {}, {7}, {}};
  EXPECT_EQ(reference::Step(config, {{}, {}, {}, {2}, {}}, state, p), 2.0);
  EXPECT_DOUBLE_EQ(p.pre_bias[0], 7 - 0.1 * 2 / (2 + 0.25));
  p.pre_bias[0] = 7;
  reference::Step(config, {{}, {}, {}, {4}, {}}, state, p);
  EXPECT_DOUBLE_EQ(p.pre_bias[0], 7 - 0.1 * (2.5 / 0.75) / (std::sqrt(9 / 0.75) + 0.25));
}

// Every array counts in the norm: 1 + 4 + 4 + 16 + 0 = 5².
TEST(ReferenceAdamTest, ClipsAllArraysTogether) {
  const AdamConfig<double> config = {1, 0, 0, 1, 2.5, false};
  AdamState<double> state;
  Parameters<double> p = {{0}, {0}, {0}, {0}, {}};
  EXPECT_EQ(reference::Step(config, {{1}, {2}, {2}, {4}, {}}, state, p), 5.0);
  EXPECT_DOUBLE_EQ(p.encoder[0], -0.5 / 1.5);
  EXPECT_DOUBLE_EQ(p.encoder_bias[0], -1.0 / 2);
  EXPECT_DOUBLE_EQ(p.decoder[0], -1.0 / 2);
  EXPECT_DOUBLE_EQ(p.pre_bias[0], -2.0 / 3);
  EXPECT_EQ(reference::Step(config, {{1}, {0}, {0}, {0}, {}}, state, p), 1.0);  // below: not scaled
  EXPECT_DOUBLE_EQ(p.encoder[0], -0.5 / 1.5 - 0.5);
}

// What is along the row (3 of (3, 4)) goes before the norm is taken; the row ends with length 1.
TEST(ReferenceAdamTest, ProjectsAndNormalisesTheDecoder) {
  const AdamConfig<double> config = {1, 0, 0, 4, 0, true};
  AdamState<double> state;
  Parameters<double> p = {{}, {}, {1, 0, 0, 0}, {0, 0}, {}};
  EXPECT_EQ(reference::Step(config, {{}, {}, {3, 4, 0, 0}, {0, 0}, {}}, state, p), 4.0);
  const double length = std::sqrt(1.25);  // of (1, −4 / (4 + 4))
  EXPECT_DOUBLE_EQ(p.decoder[0], 1 / length);
  EXPECT_DOUBLE_EQ(p.decoder[1], -0.5 / length);
  EXPECT_EQ(p.decoder[2], 0.0);  // a zero row stays
}

// θ = 2 with gradient 0.5 by θ, so 1 by log θ.
TEST(ReferenceAdamTest, ThresholdsMoveByTheirLogarithm) {
  const AdamConfig<double> config = {0.1, 0, 0, 1, 0, false};
  AdamState<double> state;
  Parameters<double> p = {{}, {}, {}, {0}, {2}};
  EXPECT_EQ(reference::Step(config, {{}, {}, {}, {0}, {0.5}}, state, p), 1.0);
  EXPECT_DOUBLE_EQ(p.threshold[0], 2 * std::exp(-0.05));
  reference::Step(config, {{}, {}, {}, {0}, {}}, state, p);  // BatchTopK: not trained
  EXPECT_DOUBLE_EQ(p.threshold[0], 2 * std::exp(-0.05));
}

}  // namespace
}  // namespace recsae::sae
