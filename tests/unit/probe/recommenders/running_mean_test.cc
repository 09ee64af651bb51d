#include "services/probe/recommenders/train/running_mean.h"

#include <gtest/gtest.h>

#include <vector>

namespace recsae::probe {
namespace {

TEST(RunningMeanTest, IsEmptyBeforeTheFirstStep) { EXPECT_TRUE(RunningMean(0.9).values().empty()); }

TEST(RunningMeanTest, WeighsTheFirstStepsMore) {
  RunningMean mean(0.999);
  mean.Add({1.0f, -2.0f});
  EXPECT_EQ(mean.values()[0], 1.0f);
  // Decay 2/11: 2/11 · 1 + 9/11 · 12.
  mean.Add({12.0f, -2.0f});
  EXPECT_NEAR(mean.values()[0], 10.0, 1e-5);
  EXPECT_NEAR(mean.values()[1], -2.0, 1e-6);
}

TEST(RunningMeanTest, DecaysAsAskedInTheEnd) {
  RunningMean mean(0.5);
  const std::vector<float> zero = {0.0f}, one = {1.0f};
  for (int i = 0; i < 100; ++i) mean.Add(zero);
  mean.Add(one);
  EXPECT_NEAR(mean.values()[0], 0.5, 1e-6);
  mean.Add(one);
  EXPECT_NEAR(mean.values()[0], 0.75, 1e-6);
}

}  // namespace
}  // namespace recsae::probe
