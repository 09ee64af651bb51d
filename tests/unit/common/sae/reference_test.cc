// The reference against central differences.
#include "common/sae/reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/unit/common/sae/reference_testing.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

using reference::Code;
using reference::Evaluate;
using reference::Parameters;
using reference::Problem;
using reference::Result;

struct Size {
  int dim, latents, k, aux_k, rows;
  int dead_every;  // every n-th latent is dead; 0 = none
};

struct Case {
  Architecture architecture;
  Size size;
  std::vector<int> prefixes;
  bool encoder_bias;
};

const char* NameOf(Architecture architecture) {
  switch (architecture) {
    case Architecture::kTopK:
      return "TopK";
    case Architecture::kTopKSigned:
      return "TopKSigned";
    case Architecture::kBatchTopK:
      return "BatchTopK";
    case Architecture::kJumpRelu:
      return "JumpRelu";
    case Architecture::kRelu:
      return "Relu";
    case Architecture::kPursuit:
      return "Pursuit";
  }
  return "";
}

void PrintTo(const Case& c, std::ostream* out) {
  *out << NameOf(c.architecture) << " d" << c.size.dim << " F" << c.size.latents << " k" << c.size.k
       << " aux" << c.size.aux_k << " n" << c.size.rows << " dead" << c.size.dead_every
       << " prefixes" << c.prefixes.size() << (c.encoder_bias ? " bias" : "");
}

Problem<double> ProblemOf(const Case& c) {
  Problem<double> problem;
  problem.architecture = c.architecture;
  problem.dim = c.size.dim;
  problem.latents = c.size.latents;
  problem.k = c.size.k;
  problem.prefixes = c.prefixes;
  problem.sparsity_weight = 0.6;
  problem.bandwidth = 0.5;
  problem.aux_k = c.size.aux_k;
  problem.aux_weight = 0.7;
  problem.variance = 1.3;
  problem.dead.assign(static_cast<size_t>(c.size.latents), 0);
  for (int j = 0; c.size.dead_every > 0 && j < c.size.latents; j += c.size.dead_every) {
    problem.dead[j] = 1;
  }
  return problem;
}

Parameters<double> RandomParameters(const Case& c) {
  Parameters<double> p = ParametersOf<double>(
      RandomWeights(c.size.dim, c.size.latents, c.size.k, c.architecture, 100));
  if (!c.encoder_bias) p.encoder_bias.clear();
  if (c.architecture == Architecture::kJumpRelu) {
    p.threshold.clear();
    for (float value : RandomValues(c.size.latents, 108)) {
      p.threshold.push_back(0.3 + 0.2 * std::tanh(value));
    }
  }
  return p;
}

// The latents of each row's code and auxiliary code, for comparing selections.
std::vector<std::vector<int>> SelectionOf(const Result<double>& result) {
  std::vector<std::vector<int>> selection;
  for (const std::vector<Code<double>>& codes : {result.codes, result.aux_codes}) {
    for (const Code<double>& code : codes) {
      selection.push_back(code.latents);
      std::sort(selection.back().begin(), selection.back().end());
    }
  }
  return selection;
}

class ReferenceTest : public ::testing::TestWithParam<Case> {
 protected:
  ReferenceTest()
      : problem_(ProblemOf(GetParam())),
        p_(RandomParameters(GetParam())),
        n_(GetParam().size.rows),
        x_(As<double>(RandomValues(int64_t{n_} * problem_.dim, 7))),
        at_(Evaluate(problem_, p_, x_.data(), n_, &gradient_)),
        selection_(SelectionOf(at_)) {}

  // Expects the gradient of one array to be what central differences say, but for the coordinates
  // whose step changes the selection, which it counts.
  void CheckArray(std::vector<double> Parameters<double>::*array, const char* name) {
    const std::vector<double>& expected = gradient_.*array;
    ASSERT_EQ(expected.size(), (p_.*array).size()) << name;
    double largest = 0.0;
    for (double g : expected) largest = std::max(largest, std::abs(g));
    for (size_t i = 0; i < expected.size(); ++i) {
      ++checked_;
      const Result<double> above = At(array, i, kStep);
      const Result<double> below = At(array, i, -kStep);
      if (SelectionOf(above) != selection_ || SelectionOf(below) != selection_) {
        ++skipped_;
        continue;
      }
      const double difference = (above.loss - below.loss) / (2.0 * kStep);
      EXPECT_NEAR(difference, expected[i], 1e-6 * std::abs(expected[i]) + 1e-9 * largest)
          << name << "[" << i << "]";
    }
  }

  Result<double> At(std::vector<double> Parameters<double>::*array, size_t i, double step) const {
    Parameters<double> moved = p_;
    (moved.*array)[i] += step;
    return Evaluate<double>(problem_, moved, x_.data(), n_, nullptr, &at_.e);
  }

  static constexpr double kStep = 1e-5;

  const Problem<double> problem_;
  const Parameters<double> p_;
  const int n_;
  const std::vector<double> x_;
  Parameters<double> gradient_;
  const Result<double> at_;
  const std::vector<std::vector<int>> selection_;
  int checked_ = 0;
  int skipped_ = 0;
};

// The loss is quadratic in each single parameter as long as the selection stays, so a central
// difference is exact up to rounding.
TEST_P(ReferenceTest, MatchesCentralDifferences) {
  CheckArray(&Parameters<double>::encoder, "encoder");
  CheckArray(&Parameters<double>::encoder_bias, "encoder_bias");
  CheckArray(&Parameters<double>::decoder, "decoder");
  CheckArray(&Parameters<double>::pre_bias, "pre_bias");
  EXPECT_LE(skipped_ * 50, checked_);
}

constexpr Size kSizes[] = {
    {6, 12, 3, 2, 5, 0},   // no dead latents
    {6, 12, 3, 2, 5, 3},   // more dead than k_aux
    {6, 12, 3, 10, 5, 4},  // fewer
    {5, 12, 12, 9, 4, 1},  // k = F, all dead
    {13, 67, 8, 6, 7, 5},
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (Architecture architecture :
       {Architecture::kTopK, Architecture::kTopKSigned, Architecture::kBatchTopK,
        Architecture::kJumpRelu, Architecture::kRelu}) {
    const bool nested =
        architecture != Architecture::kJumpRelu && architecture != Architecture::kRelu;
    for (const Size& size : kSizes) {
      for (bool encoder_bias : {false, true}) {
        cases.push_back({architecture, size, {}, encoder_bias});
        if (!nested) continue;
        cases.push_back({architecture, size, {1, 4, 9}, encoder_bias});
        cases.push_back({architecture, size, {5, size.latents}, encoder_bias});
      }
    }
    cases.push_back({architecture, {1, 1, 1, 1, 3, 1}, {}, true});  // the smallest there is
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(All, ReferenceTest, ::testing::ValuesIn(AllCases()));

// H_ε(u) = clamp(u / ε + 1/2, 0, 1), whose derivative is K(u / ε) / ε.
double SmoothStep(double u, double bandwidth) { return std::clamp(u / bandwidth + 0.5, 0.0, 1.0); }

class ThresholdTest : public ReferenceTest {
 protected:
  // What the straight-through estimate is the gradient of, for latent j alone: with g_j, the factor
  // θ_j and the slope at L0 frozen, Σ_r g_j θ_j H_ε(pre_j − θ) + ∂loss/∂L0 · mean_r H_ε(pre_j − θ).
  double Surrogate(int j, double theta) const {
    const double weight = 1.0 / (n_ * problem_.variance);
    const double l0_slope =
        2.0 * problem_.sparsity_weight * (at_.l0 / problem_.k - 1.0) / problem_.k;
    double sum = 0.0;
    for (int r = 0; r < n_; ++r) {
      double g = 0.0;
      for (int i = 0; i < problem_.dim; ++i) {
        g -= 2.0 * weight * at_.e[r][i] * p_.decoder[j * problem_.dim + i];
      }
      sum += (g * p_.threshold[j] + l0_slope / n_) *
             SmoothStep(at_.pre[r][j] - theta, problem_.bandwidth);
    }
    return sum;
  }

  // Whether a row enters or leaves the kernel within the step.
  bool NearKink(int j) const {
    return std::any_of(at_.pre.begin(), at_.pre.end(), [&](const std::vector<double>& pre) {
      const double u = std::abs(pre[j] - p_.threshold[j]);
      return std::abs(u - problem_.bandwidth / 2.0) <= kStep;
    });
  }
};

// The surrogate is linear in θ between its kinks. It has no auxiliary loss in it: that must not
// move the thresholds, dead latents or not.
TEST_P(ThresholdTest, MatchesCentralDifferencesOfTheSurrogate) {
  ASSERT_EQ(gradient_.threshold.size(), p_.threshold.size());
  int moved = 0;
  for (int j = 0; j < problem_.latents; ++j) {
    if (NearKink(j)) {
      ++skipped_;
      continue;
    }
    const double theta = p_.threshold[j];
    const double difference =
        (Surrogate(j, theta + kStep) - Surrogate(j, theta - kStep)) / (2.0 * kStep);
    EXPECT_NEAR(gradient_.threshold[j], difference, 1e-6 * std::abs(difference) + 1e-10) << j;
    if (gradient_.threshold[j] != 0.0) ++moved;
  }
  EXPECT_EQ(skipped_, 0);
  EXPECT_GE(moved * 4, problem_.latents);
}

std::vector<Case> JumpReluCases() {
  std::vector<Case> cases;
  for (const Case& c : AllCases()) {
    if (c.architecture == Architecture::kJumpRelu) cases.push_back(c);
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(All, ThresholdTest, ::testing::ValuesIn(JumpReluCases()));

}  // namespace
}  // namespace recsae::sae
