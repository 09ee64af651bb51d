#include "clients/cli/parameters/score_shares.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace recsae::cli {
namespace {

// Scores of 40 users for 50 items: everyone's part by the item, a group's and the rest by the user.
ScoreTable MakeTable(double everyone, double group, double unexplained) {
  std::mt19937 random(2);
  std::normal_distribution<double> normal;
  std::vector<double> standing(50);
  for (double& value : standing) value = normal(random);
  ScoreTable table(40, std::vector<ScoreParts>(50));
  for (auto& row : table) {
    for (size_t item = 0; item < row.size(); ++item) {
      ScoreParts& parts = row[item];
      parts.everyone = everyone * standing[item];
      parts.groups[3] = group * normal(random);
      parts.unexplained = unexplained * normal(random);
      parts.absent = 5;  // the same for all items: it moves no order
      parts.score = parts.everyone + parts.groups[3] + parts.unexplained + parts.absent;
    }
  }
  return table;
}

TEST(ScoreSharesTest, AreThoseOfTheVarianceAndAddUp) {
  const ScoreShares shares = SharesOf(MakeTable(2, 1, 1));
  EXPECT_EQ(shares.users, 40);
  EXPECT_EQ(shares.items, 50);
  EXPECT_NEAR(shares.everyone, 4.0 / 6, 0.1);
  EXPECT_NEAR(shares.groups, 1.0 / 6, 0.05);
  EXPECT_NEAR(shares.unexplained, 1.0 / 6, 0.05);
  EXPECT_NEAR(shares.absent, 0, 1e-12);
  EXPECT_NEAR(shares.everyone + shares.groups + shares.absent + shares.unexplained, 1, 1e-12);
  ASSERT_EQ(shares.by_group.size(), 1u);
  EXPECT_EQ(shares.by_group[0].first, 3);
  EXPECT_NEAR(shares.by_group[0].second, shares.groups, 1e-12);
  EXPECT_NEAR(shares.personal_of_another, 0, 0.05);
}

TEST(ScoreSharesTest, AreNoneWhereNothingVaries) {
  const ScoreShares shares = SharesOf(MakeTable(0, 0, 0));
  EXPECT_EQ(shares.everyone, 0);
  EXPECT_EQ(SharesOf({}).users, 0);
}

TEST(PopularityShareTest, IsHighWhereScoresFollowCountsAndNoHigherThanChanceWhereNot) {
  ScoreTable table = MakeTable(0, 1, 0);
  std::vector<int64_t> counts;
  for (int64_t item = 0; item < 50; ++item) counts.push_back(item * item);
  const PopularityShare none = PopularityShareOf(table, counts);
  EXPECT_LT(none.share, 0.02);
  for (auto& row : table) {
    for (size_t item = 0; item < row.size(); ++item) {
      row[item].score += 10 * std::log1p(static_cast<double>(counts[item]));
    }
  }
  const PopularityShare all = PopularityShareOf(table, counts);
  EXPECT_GT(all.share, 0.95);
  EXPECT_LT(all.dealt_anew, 0.4);
}

}  // namespace
}  // namespace recsae::cli
