#include "services/explainer/evidence/sample.h"

#include <gtest/gtest.h>

#include <set>

namespace recsae::explainer {
namespace {

Case CaseOf(int32_t user) {
  Case made;
  made.user = user;
  made.ranked = {0};
  return made;
}

// Over random tables: nobody has two roles, and no row of one is among another's.
TEST(SampleTest, UsersOfTheThreeRolesAreDisjoint) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed, 9);
    const auto users = 1 + random.Below(300);
    Sample sample(1, {40, 20, 30}, seed);
    for (int row = 0; row < 500; ++row) {
      const float x = static_cast<float>(row);
      sample.Add({&x, 1}, CaseOf(static_cast<int32_t>(random.Below(users))));
    }
    std::set<int32_t> seen;
    int32_t counted = 0;
    size_t distinct = 0;
    for (const Role role : {Role::kDescribe, Role::kThreshold, Role::kMeasure}) {
      std::set<int32_t> of_role;
      for (const Case& row : sample.Of(role).cases) {
        EXPECT_EQ(RoleOf(seed, row.user), role);
        of_role.insert(row.user);
      }
      distinct += of_role.size();
      seen.insert(of_role.begin(), of_role.end());
      EXPECT_EQ(sample.Users(role), static_cast<int32_t>(of_role.size())) << "of rows kept";
      counted += sample.Users(role);
    }
    EXPECT_EQ(seen.size(), distinct);
    EXPECT_LE(counted, static_cast<int32_t>(users));
    EXPECT_EQ(sample.distinct(), 500);
  }
}

TEST(SampleTest, KeepsEveryRowOfARoleWithTheSameChance) {
  // Rows 0 ... 99 of one user, of which 10 are kept: the mean place of those kept is in the middle.
  double sum = 0;
  int kept = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Sample sample(1, {10, 10, 10}, seed);
    for (int row = 0; row < 100; ++row) {
      const float x = static_cast<float>(row);
      sample.Add({&x, 1}, CaseOf(7));
    }
    for (const float x : sample.Of(RoleOf(seed, 7)).activations) {
      sum += x;
      ++kept;
    }
  }
  EXPECT_EQ(kept, 3000);
  EXPECT_NEAR(sum / kept, 49.5, 2.5);  // four standard errors
}

TEST(SampleTest, LeavesOutCasesWithoutRankedItems) {
  Sample sample(1, {10, 10, 10}, 0);
  const float x = 1;
  sample.Add({&x, 1}, Case());
  EXPECT_EQ(sample.Of(RoleOf(0, 0)).rows(), 0);
  EXPECT_EQ(sample.distinct(), 0);
}

}  // namespace
}  // namespace recsae::explainer
