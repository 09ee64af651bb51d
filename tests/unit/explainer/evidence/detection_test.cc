#include "services/explainer/evidence/detection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace recsae::explainer {
namespace {

double NaiveF1(const std::vector<double>& scores, const std::vector<bool>& has, double threshold) {
  double hits = 0;
  double misses = 0;
  double wrong = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const bool told = scores[i] >= threshold;
    hits += told && has[i] ? 1 : 0;
    misses += !told && has[i] ? 1 : 0;
    wrong += told && !has[i] ? 1 : 0;
  }
  return hits == 0 ? 0 : 2 * hits / (2 * hits + misses + wrong);
}

TEST(DetectionTest, FindsTheThresholdThatTryingAllFinds) {
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    std::vector<double> scores;
    std::vector<bool> has;
    for (int i = 0; i < 40; ++i) {
      scores.push_back(static_cast<double>(random() % 9));  // with ties
      has.push_back(random() % 3 == 0);
    }
    double best = 0;
    for (const double threshold : scores) best = std::max(best, NaiveF1(scores, has, threshold));
    const double threshold = BestThreshold(scores, has);
    EXPECT_NEAR(Detect(scores, has, threshold).F1(), best, 1e-12);
    EXPECT_NEAR(NaiveF1(scores, has, threshold), best, 1e-12);
  }
}

TEST(DetectionTest, CountsWhatIsTold) {
  const Detection detection = Detect(std::vector<double>{3, 2, 1, 0}, {true, false, true, true}, 2);
  EXPECT_EQ(detection.hits, 1);
  EXPECT_EQ(detection.told, 2);
  EXPECT_EQ(detection.have, 3);
  EXPECT_EQ(detection.Precision(), 0.5);
  EXPECT_EQ(detection.F1(), 0.4);
  EXPECT_EQ(Detect({}, {}, 0).F1(), 0);
  EXPECT_EQ(Detect({}, {}, 0).Precision(), 0);
}

TEST(RocAucTest, IsTheShareOfPairsInOrderWithTiesHalf) {
  std::mt19937 random(2);
  for (int round = 0; round < 60; ++round) {
    std::vector<double> scores;
    std::vector<bool> has;
    for (int i = 0; i < 30; ++i) {
      scores.push_back(static_cast<double>(random() % 7));
      has.push_back(i == 0 || (i != 1 && random() % 3 == 0));
    }
    double won = 0;
    double pairs = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
      for (size_t j = 0; j < scores.size(); ++j) {
        if (!has[i] || has[j]) continue;
        ++pairs;
        won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
      }
    }
    EXPECT_NEAR(RocAuc(scores, has), won / pairs, 1e-12);
  }
  EXPECT_EQ(RocAuc(std::vector<double>{1, 2}, {true, true}), 0.5);
  EXPECT_EQ(RocAuc(std::vector<double>{1, 2}, {false, false}), 0.5);
}

}  // namespace
}  // namespace recsae::explainer
