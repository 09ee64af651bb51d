#include "services/explainer/evaluation/evaluation_warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recsae::explainer {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

CandidateCounts Counts(int rows, int candidates) {
  CandidateCounts counts;
  for (int i = 0; i < rows; ++i) counts.Add(candidates);
  return counts;
}

TEST(RankingWarningsTest, NoneWhereThereIsEnoughToChooseFrom) {
  EXPECT_THAT(RankingWarnings(Counts(100, 51), 5), IsEmpty());
}

TEST(RankingWarningsTest, NamesTheListsThatHoldEveryItem) {
  CandidateCounts counts = Counts(60, 8);
  counts.Add(30);
  EXPECT_THAT(
      RankingWarnings(counts, 0),
      ElementsAre(AllOf(HasSubstr("HR and NDCG at 10, 20 and 50 are not measured"),
                        HasSubstr("60 of 61 rows have at most 10 items"), HasSubstr("8 to 30"))));
  EXPECT_THAT(RankingWarnings(Counts(1, 38), 0),
              ElementsAre(AllOf(HasSubstr("HR and NDCG at 50 are"), HasSubstr("1 of 1 row have"))));
}

TEST(RankingWarningsTest, SaysWhereAMeanIsRaised) {
  CandidateCounts counts = Counts(94, 1000);
  for (int i = 0; i < 6; ++i) counts.Add(15);
  EXPECT_THAT(RankingWarnings(counts, 0),
              ElementsAre(AllOf(HasSubstr("6 of 100 rows have at most 50"), HasSubstr("HR@50"))));
  counts = Counts(95, 1000);
  for (int i = 0; i < 5; ++i) counts.Add(15);
  EXPECT_THAT(RankingWarnings(counts, 0), IsEmpty());
}

TEST(RankingWarningsTest, SaysWhereNothingIsRanked) {
  EXPECT_THAT(RankingWarnings({}, 0), ElementsAre(HasSubstr("no row has a held-out item")));
}

TEST(RankingWarningsTest, CountsWhatTheUserHadBefore) {
  EXPECT_THAT(RankingWarnings(Counts(100, 1000), 6),
              ElementsAre(HasSubstr("6 of 100 rows ask for an item of the user's own history")));
}

TEST(ReconstructionWarningsTest, SaysWhereTheSaeExplainsNothing) {
  EXPECT_THAT(ReconstructionWarnings(0.3, 100, 40), IsEmpty());
  EXPECT_THAT(ReconstructionWarnings(1.25, 100, 40), ElementsAre(HasSubstr("FVU is 1.25")));
  EXPECT_THAT(ReconstructionWarnings(1.25, 100, 100), ElementsAre(HasSubstr("no latent")));
}

}  // namespace
}  // namespace recsae::explainer
