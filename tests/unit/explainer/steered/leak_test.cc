// Probes of activations in which something is, is not, and was removed.
#include "services/explainer/steered/leak.h"

#include <gtest/gtest.h>

#include <random>

#include "services/explainer/evidence/detection.h"

namespace recsae::explainer {
namespace {

constexpr int kDim = 8;

struct Made {
  std::vector<float> activations;
  std::vector<bool> labels;
  std::vector<int32_t> users;

  LabelledRows rows() const { return {activations, labels}; }
};

// The label shifts the first dimension by `by`.
Made Make(int rows, float by, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  Made made;
  for (int i = 0; i < rows; ++i) {
    const bool label = std::bernoulli_distribution(0.3)(random);
    for (int d = 0; d < kDim; ++d) {
      made.activations.push_back(normal(random) + (d == 0 && label ? by : 0) + 5);
    }
    made.labels.push_back(label);
    made.users.push_back(i / 3);
  }
  return made;
}

double NaiveArea(const std::vector<double>& scores, const std::vector<bool>& labels) {
  double won = 0, pairs = 0;
  for (size_t a = 0; a < scores.size(); ++a) {
    for (size_t b = 0; b < scores.size(); ++b) {
      if (!labels[a] || labels[b]) continue;
      won += scores[a] > scores[b] ? 1 : scores[a] == scores[b] ? 0.5 : 0;
      pairs += 1;
    }
  }
  return won / pairs;
}

TEST(RocAuc, IsTheShareOfPairsInOrder) {
  std::mt19937_64 random(1);
  std::vector<double> scores;
  std::vector<bool> labels;
  for (int i = 0; i < 200; ++i) {
    scores.push_back(std::uniform_int_distribution<>(0, 20)(random));  // with ties
    labels.push_back(std::bernoulli_distribution(0.4)(random));
  }
  EXPECT_NEAR(RocAuc(scores, labels), NaiveArea(scores, labels), 1e-12);
  EXPECT_EQ(RocAuc(scores, std::vector<bool>(200, true)), 0.5);
}

TEST(ProbeAuc, FindsWhatIsThere) {
  const Made train = Make(2000, 2, 1);
  const Made test = Make(6000, 2, 2);
  const Estimate auc = ProbeAuc(train.rows(), test.rows(), test.users, kDim);
  EXPECT_NEAR(auc.value, 0.921, 0.02);  // Phi(2 / sqrt(2))
  EXPECT_GT(auc.low, 0.89);
  EXPECT_LT(auc.high, 0.96);
}

TEST(ProbeAuc, FindsNothingInNothing) {
  const Made train = Make(2000, 0, 3);
  const Made test = Make(1000, 0, 4);
  const Estimate auc = ProbeAuc(train.rows(), test.rows(), test.users, kDim);
  EXPECT_NEAR(auc.value, 0.5, 0.06);
  EXPECT_LT(auc.low, auc.value);
  EXPECT_GT(auc.high, auc.value);
}

TEST(ProbeAuc, FindsNothingWhereTheDimensionIsGone) {
  Made train = Make(2000, 2, 5);
  Made test = Make(1000, 2, 6);
  for (size_t i = 0; i < train.activations.size(); i += kDim) train.activations[i] = 0;
  for (size_t i = 0; i < test.activations.size(); i += kDim) test.activations[i] = 0;
  EXPECT_NEAR(ProbeAuc(train.rows(), test.rows(), test.users, kDim).value, 0.5, 0.06);
}

TEST(LabelledRows, CountsPositives) {
  const LabelledRows rows = {{}, {true, false, true}};
  EXPECT_EQ(rows.Positives(), 2);
}

}  // namespace
}  // namespace recsae::explainer
