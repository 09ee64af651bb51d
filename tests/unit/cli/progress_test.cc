#include "clients/cli/text/progress.h"

#include <gtest/gtest.h>

namespace recsae::cli {
namespace {

TEST(ProgressMeterTest, KnowsNothingAtFirst) {
  ProgressMeter meter;
  EXPECT_FALSE(meter.share().has_value());
  EXPECT_FALSE(meter.rate().has_value());
  EXPECT_FALSE(meter.seconds_left().has_value());
  meter.Update(100, 5, 10);
  EXPECT_DOUBLE_EQ(meter.share().value(), 0.5);
  EXPECT_FALSE(meter.rate().has_value());
}

TEST(ProgressMeterTest, RateAndTimeLeft) {
  ProgressMeter meter;
  meter.Update(100, 0, 1000);
  meter.Update(102, 100, 1000);
  EXPECT_DOUBLE_EQ(meter.rate().value(), 50);
  EXPECT_DOUBLE_EQ(meter.seconds_left().value(), 18);
  meter.Update(104, 1000, 1000);
  EXPECT_DOUBLE_EQ(meter.seconds_left().value(), 0);
}

TEST(ProgressMeterTest, UnknownTotalHasARateButNoEnd) {
  ProgressMeter meter;
  meter.Update(0, 0, 0);
  meter.Update(1, 10, 0);
  EXPECT_FALSE(meter.share().has_value());
  EXPECT_DOUBLE_EQ(meter.rate().value(), 10);
  EXPECT_FALSE(meter.seconds_left().has_value());
}

TEST(ProgressMeterTest, FollowsAChangeOfPace) {
  ProgressMeter meter;
  for (int i = 0; i <= 100; ++i) meter.Update(i, 1000 * i, 1'000'000);
  EXPECT_DOUBLE_EQ(meter.rate().value(), 1000);
  // Ten times slower for two windows: the fast start is forgotten.
  for (int i = 1; i <= 60; ++i) meter.Update(100 + i, 100'000 + 100 * i, 1'000'000);
  EXPECT_NEAR(meter.rate().value(), 100, 1e-9);
}

TEST(ProgressMeterTest, StartsAfreshWhenProgressGoesBack) {
  ProgressMeter meter;
  meter.Update(0, 0, 100);
  meter.Update(10, 80, 100);
  meter.Update(11, 40, 100);  // resumed from a checkpoint
  EXPECT_FALSE(meter.rate().has_value());
  meter.Update(13, 60, 100);
  EXPECT_DOUBLE_EQ(meter.rate().value(), 10);
  meter.Update(14, 0, 500);  // another stage
  EXPECT_FALSE(meter.rate().has_value());
}

TEST(ProgressMeterTest, CountsDownBetweenSlowChanges) {
  ProgressMeter meter;
  meter.Update(0, 0, 10);
  meter.Update(100, 1, 10);
  meter.Update(140, 1, 10);
  EXPECT_DOUBLE_EQ(meter.rate().value(), 0.01);
  EXPECT_DOUBLE_EQ(meter.seconds_left().value(), 860);
  meter.Update(5000, 1, 10);
  EXPECT_DOUBLE_EQ(meter.seconds_left().value(), 0);
}

TEST(ProgressMeterTest, StandingStillHasNoRate) {
  ProgressMeter meter;
  meter.Update(0, 7, 100);
  meter.Update(5, 7, 100);
  EXPECT_FALSE(meter.rate().has_value());
  EXPECT_FALSE(meter.seconds_left().has_value());
}

TEST(DescribeProgressTest, LeavesOutWhatIsNotKnown) {
  ProgressMeter meter;
  EXPECT_EQ(DescribeProgress(meter, "rows"), "");
  meter.Update(0, 0, 100'000);
  EXPECT_EQ(DescribeProgress(meter, "rows"), "  0 %");
  meter.Update(2, 42'000, 100'000);
  EXPECT_EQ(DescribeProgress(meter, "rows"), " 42 %  21,000 rows/s  2.8 s left");
}

TEST(DescribeProgressTest, TurnsSlowRatesOver) {
  ProgressMeter meter;
  meter.Update(0, 0, 8);
  meter.Update(8, 2, 8);
  EXPECT_EQ(DescribeProgress(meter, "epochs"), " 25 %  4 s/epoch  0:24 left");
}

}  // namespace
}  // namespace recsae::cli
