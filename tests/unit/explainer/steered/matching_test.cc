#include "services/explainer/steered/matching.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/base/status.h"

namespace recsae::explainer {
namespace {

TEST(FindLength, FindsWhereAnEffectIsReached) {
  for (const double wanted : {0.02, 0.3, 0.7}) {
    const auto effect = [](double length) -> absl::StatusOr<double> {
      return 1 - std::exp(-length);
    };
    const auto found = FindLength(effect, wanted, 0.01, 100);
    ASSERT_TRUE(found.ok());
    EXPECT_TRUE(found->reached);
    EXPECT_GE(found->effect, wanted);
    EXPECT_LE(found->effect, 1.0101 * wanted);
    EXPECT_NEAR(found->length, -std::log(1 - wanted), 0.06);
  }
}

TEST(FindLength, OneThatRisesAndFallsIsFoundOnItsWayUp) {
  const auto effect = [](double length) -> absl::StatusOr<double> {
    return length * std::exp(1 - length);  // 1 at most, at 1
  };
  const auto found = FindLength(effect, 0.5, 0.01, 100);
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->reached);
  EXPECT_LT(found->length, 1);
  EXPECT_NEAR(found->effect, 0.5, 0.0051);
}

TEST(FindLength, SaysWhatIsReachedAtMost) {
  const auto effect = [](double length) -> absl::StatusOr<double> {
    return length * std::exp(1 - length);
  };
  const auto found = FindLength(effect, 2, 0.01, 100);
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->reached);
  EXPECT_GT(found->effect, 0.9);
  EXPECT_NEAR(found->length, 1, 0.5);
}

TEST(FindLength, StepsEndAtTheLeastThatIsEnough) {
  const auto effect = [](double length) -> absl::StatusOr<double> { return length < 3 ? 0 : 1; };
  const auto found = FindLength(effect, 0.5, 0.1, 100);
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->reached);
  EXPECT_GE(found->length, 3);
  EXPECT_LT(found->length, 3.05);
}

TEST(FindLength, HandsOnErrors) {
  const auto effect = [](double) -> absl::StatusOr<double> {
    return Error(absl::StatusCode::kCancelled, "JOB_CANCELLED", "cancelled");
  };
  EXPECT_EQ(FindLength(effect, 0.5, 0.1, 100).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace recsae::explainer
