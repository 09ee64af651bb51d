#include "services/explainer/labeling/roles.h"

#include <gtest/gtest.h>

#include <array>

namespace recsae::explainer {
namespace {

TEST(RolesTest, TwoFifthsOfTheUsersDescribeOneSetsThresholdsAndTwoAreMeasured) {
  constexpr int kUsers = 20'000;
  for (const uint64_t seed : {0, 1, 77}) {
    std::array<double, kRoles> shares = {};
    for (int32_t user = 0; user < kUsers; ++user) {
      shares[static_cast<size_t>(RoleOf(seed, user))] += 1.0 / kUsers;
      EXPECT_EQ(RoleOf(seed, user), RoleOf(seed, user));
    }
    EXPECT_NEAR(shares[0], 0.4, 0.015);
    EXPECT_NEAR(shares[1], 0.2, 0.015);
    EXPECT_NEAR(shares[2], 0.4, 0.015);
  }
}

TEST(RolesTest, AnItemSpeaksOnOneSideOnly) {
  constexpr int kItems = 20'000;
  for (const uint64_t seed : {0, 1, 77}) {
    const Speaking describing{Speaking::Items::kDescribing, seed};
    const Speaking testing{Speaking::Items::kTesting, seed};
    double share = 0;
    int together = 0;  // with the role of the user of that number
    for (int32_t item = 0; item < kItems; ++item) {
      EXPECT_NE(describing(item), testing(item));
      EXPECT_EQ(describing(item), DescribesItem(seed, item));
      EXPECT_TRUE(Speaking()(item));
      share += describing(item) ? 1.0 / kItems : 0;
      together += describing(item) && RoleOf(seed, item) == Role::kDescribe ? 1 : 0;
    }
    EXPECT_NEAR(share, 0.5, 0.015);
    EXPECT_NEAR(together, 0.2 * kItems, 0.015 * kItems) << "users and items are dealt apart";
  }
}

TEST(RolesTest, AnotherSeedDealsOtherwise) {
  int same_users = 0;
  int same_items = 0;
  for (int32_t i = 0; i < 10'000; ++i) {
    same_users += RoleOf(1, i) == RoleOf(2, i) ? 1 : 0;
    same_items += DescribesItem(1, i) == DescribesItem(2, i) ? 1 : 0;
  }
  EXPECT_NEAR(same_users, 3600, 200);  // .4^2 + .2^2 + .4^2
  EXPECT_NEAR(same_items, 5000, 200);
}

}  // namespace
}  // namespace recsae::explainer
