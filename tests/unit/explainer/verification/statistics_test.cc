#include "services/explainer/verification/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace recsae::explainer {
namespace {

TEST(WilsonIntervalTest, MatchesPublishedValues) {
  // Newcombe 1998, table I, method 3: 81 of 263 and 0 of 20, 15 of 148.
  EXPECT_NEAR(WilsonInterval(81, 263).first, 0.2553, 5e-5);
  EXPECT_NEAR(WilsonInterval(81, 263).second, 0.3662, 5e-5);
  EXPECT_NEAR(WilsonInterval(15, 148).first, 0.0624, 5e-5);
  EXPECT_NEAR(WilsonInterval(15, 148).second, 0.1605, 5e-5);
  EXPECT_NEAR(WilsonInterval(0, 20).first, 0.0, 1e-12);
  EXPECT_NEAR(WilsonInterval(0, 20).second, 0.1611, 5e-5);
  EXPECT_EQ(WilsonInterval(0, 0), std::pair(0.0, 1.0));
}

TEST(BenjaminiHochbergTest, MatchesTheStepUpProcedure) {
  // Benjamini and Hochberg 1995, section 3.2: the four smallest are rejected at 0.05.
  const std::vector<double> p = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                                 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000};
  const std::vector<double> q = BenjaminiHochberg(p);
  for (size_t i = 0; i < p.size(); ++i) {
    EXPECT_EQ(q[i] <= 0.05, i < 4) << i;
    EXPECT_GE(q[i], p[i]);
    if (i > 0) {
      EXPECT_GE(q[i], q[i - 1]);
    }
  }
  EXPECT_TRUE(BenjaminiHochberg({}).empty());
}

TEST(RocAucTest, CountsPairsWithTiesAsHalf) {
  EXPECT_EQ(RocAuc(std::vector<double>{2, 3}, std::vector<double>{0, 1}), 1.0);
  EXPECT_EQ(RocAuc(std::vector<double>{0, 1}, std::vector<double>{2, 3}), 0.0);
  EXPECT_EQ(RocAuc(std::vector<double>{1, 1}, std::vector<double>{1}), 0.5);
  // Pairs: (3,1) (3,2) (3,3=) (1,1=) (1,2x) (1,3x) -> 3 of 6.
  EXPECT_EQ(RocAuc(std::vector<double>{3, 1}, std::vector<double>{1, 2, 3}), 0.5);
  EXPECT_EQ(RocAuc({}, std::vector<double>{1}), 0.5);
}

TEST(StandardizerTest, CountsInStandardDeviationsOfTheOthers) {
  const Standardizer standardizer(std::vector<double>{0.4, 0.6, 0.4, 0.6}, 100);
  EXPECT_DOUBLE_EQ(standardizer.mean(), 0.5);
  EXPECT_NEAR(standardizer(0.8), 3.0, 1e-9);
  // The rest of 0.6: 0.4, 0.6, 0.4, of mean 7/15 and variance 2/225.
  EXPECT_NEAR(standardizer.AgainstTheRest(0.6), (0.6 - 7.0 / 15) / std::sqrt(2.0 / 225), 1e-6);
  // Others that agree: a deviation of half a case.
  EXPECT_NEAR(Standardizer(std::vector<double>{0.5, 0.5, 0.5}, 100)(0.51), 2.0, 1e-6);
}

}  // namespace
}  // namespace recsae::explainer
