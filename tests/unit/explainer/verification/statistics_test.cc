#include "services/explainer/verification/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "common/base/random.h"

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

// Whether a share of p would be rejected by the score test.
bool Rejected(double p, int successes, int trials) {
  const double n = trials;
  return std::abs(successes / n - p) > kZ95 * std::sqrt(p * (1 - p) / n);
}

TEST(WilsonIntervalTest, HoldsExactlyTheSharesThatTheScoreTestDoesNotReject) {
  for (int trials = 1; trials <= 40; ++trials) {
    for (int successes = 0; successes <= trials; ++successes) {
      const auto [low, high] = WilsonInterval(successes, trials);
      for (int step = 1; step < 200; ++step) {
        const double p = step / 200.0;
        if (std::abs(p - low) < 1e-9 || std::abs(p - high) < 1e-9) continue;
        EXPECT_EQ(Rejected(p, successes, trials), p < low || p > high)
            << successes << " of " << trials << ", " << p;
      }
    }
  }
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

// The least, over all bounds at or above p, of what is expected to be rejected falsely there as a
// share of what is rejected.
TEST(BenjaminiHochbergTest, AgreesWithTheDefinition) {
  Random random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> p(1 + random.Below(60));
    // Coarse ones have ties.
    for (double& value : p) {
      value = round % 2 == 0 ? random.Uniform() : static_cast<double>(1 + random.Below(10)) / 10;
    }
    const std::vector<double> q = BenjaminiHochberg(p);
    for (size_t i = 0; i < p.size(); ++i) {
      double least = 1;
      for (const double bound : p) {
        if (bound < p[i]) continue;
        const auto rejected =
            std::count_if(p.begin(), p.end(), [&](double other) { return other <= bound; });
        least =
            std::min(least, bound * static_cast<double>(p.size()) / static_cast<double>(rejected));
      }
      EXPECT_NEAR(q[i], least, 1e-12);
    }
  }
}

TEST(PValuesTest, AreTheShareOfTheNullThatIsAsLarge) {
  Random random(4);
  for (int round = 0; round < 30; ++round) {
    std::vector<double> null(random.Below(80));
    for (double& value : null) value = static_cast<double>(random.Below(20));
    std::vector<double> values(25);
    for (double& value : values) value = static_cast<double>(random.Below(24)) - 2;
    const std::vector<double> p = PValues(values, null);
    ASSERT_EQ(p.size(), values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      double as_large = 0;
      for (const double other : null) as_large += other >= values[i] ? 1 : 0;
      EXPECT_EQ(p[i], (1 + as_large) / (1 + static_cast<double>(null.size())));
    }
  }
  EXPECT_EQ(PValues(std::vector<double>{7.0}, {}), std::vector<double>{1.0});
  EXPECT_TRUE(PValues({}, {1.0}).empty());
}

TEST(JackknifeErrorTest, OfAMeanIsItsStandardError) {
  Random random(5);
  for (const size_t n : {2, 3, 20, 100}) {
    std::vector<double> values(n);
    for (double& value : values) value = 3 + random.Normal();
    const auto count = static_cast<double>(n);
    const double sum = std::accumulate(values.begin(), values.end(), 0.0);
    double squares = 0;
    std::vector<double> without;
    for (const double value : values) {
      squares += std::pow(value - sum / count, 2);
      without.push_back((sum - value) / (count - 1));
    }
    EXPECT_NEAR(JackknifeError(without), std::sqrt(squares / (count - 1) / count), 1e-12);
  }
  EXPECT_EQ(JackknifeError({}), 0);
  EXPECT_EQ(JackknifeError(std::vector<double>{2.0}), 0);
  EXPECT_EQ(JackknifeError(std::vector<double>(20, 0.5)), 0);
}

}  // namespace
}  // namespace recsae::explainer
