#include "common/ranking/candidates.h"

#include <gtest/gtest.h>

#include <vector>

namespace recsae {
namespace {

TEST(CountCandidatesTest, LeavesOutWhatIsExcludedOrWithheldOnceEach) {
  EXPECT_EQ(CountCandidates(10, 3, {}, {}), 10);
  EXPECT_EQ(CountCandidates(10, 3, {5, 4, 5}, {}), 8);
  EXPECT_EQ(CountCandidates(10, 3, {5, 4}, {4, 6}), 7);
}

TEST(CountCandidatesTest, AlwaysHasTheTarget) {
  EXPECT_EQ(CountCandidates(10, 3, {3, 4}, {}), 9);
  EXPECT_EQ(CountCandidates(10, 3, {4}, {3}), 9);
  EXPECT_EQ(CountCandidates(2, 0, {0, 1}, {}), 1);
}

TEST(CandidateCountsTest, MeasuresWhereHalfHaveMoreThanTheListHolds) {
  CandidateCounts counts;
  for (const int candidates : {5, 10, 11, 100}) counts.Add(candidates);
  EXPECT_EQ(counts.cases(), 4);
  EXPECT_EQ(counts.AtMost(5), 1);
  EXPECT_EQ(counts.AtMost(10), 2);
  EXPECT_EQ(counts.AtMost(20), 3);
  EXPECT_EQ(counts.AtMost(50), 3);
  EXPECT_TRUE(counts.Measures(5));
  EXPECT_TRUE(counts.Measures(10));
  EXPECT_FALSE(counts.Measures(20));
  EXPECT_FALSE(counts.Measures(50));
  EXPECT_EQ(counts.fewest(), 5);
  EXPECT_EQ(counts.most(), 100);
}

TEST(CandidateCountsTest, MeasuresNothingWithoutCases) {
  const CandidateCounts counts;
  EXPECT_FALSE(counts.Measures(5));
  EXPECT_EQ(counts.fewest(), 0);
  EXPECT_EQ(counts.most(), 0);
}

}  // namespace
}  // namespace recsae
