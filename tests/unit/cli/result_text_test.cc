#include "clients/cli/render/result_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

explainer::v1::Evaluation Measured() {
  explainer::v1::Evaluation evaluation;
  for (auto* metrics : {evaluation.mutable_recommender(), evaluation.mutable_reconstructed()}) {
    metrics->set_hr_at_10(0.5);
    metrics->set_ndcg_at_10(0.25);
    metrics->set_hr_at_20(0.75);
    metrics->set_ndcg_at_20(0.3);
  }
  evaluation.mutable_reconstructed()->set_hr_at_10(0.25);
  return evaluation;
}

TEST(RankingTableTest, SaysHowMuchIsKept) {
  const std::string text = RankingTable(Measured()).Render(0, false);
  EXPECT_THAT(text, HasSubstr("0.5000"));
  EXPECT_THAT(text, HasSubstr("50"));
  EXPECT_THAT(text, Not(HasSubstr("n/a")));
}

// What is not measured is neither 0 nor kept.
TEST(RankingTableTest, ShowsWhatIsNotMeasuredAsSuch) {
  const std::string text = RankingTable({}).Render(0, false);
  EXPECT_THAT(text, HasSubstr("n/a"));
  EXPECT_THAT(text, Not(HasSubstr("0.0000")));
  EXPECT_THAT(text, Not(HasSubstr("%")));
}

TEST(ListQualityTableTest, SaysWhatIsNotKnown) {
  explainer::v1::Evaluation evaluation = Measured();
  EXPECT_TRUE(ListQualityTable(evaluation).empty());
  for (auto* metrics : {evaluation.mutable_recommender(), evaluation.mutable_reconstructed()}) {
    metrics->mutable_lists()->set_list_count(10);
    metrics->mutable_lists()->set_coverage(0.375);
    metrics->mutable_lists()->set_gini(0.868);
  }
  EXPECT_THAT(ListQualityTable(evaluation).Render(0, false), HasSubstr("n/a"));
  evaluation.mutable_recommender()->mutable_lists()->set_novelty(9.74);
  const std::string text = ListQualityTable(evaluation).Render(0, false);
  EXPECT_THAT(text, HasSubstr("9.74 bits"));
  EXPECT_THAT(text, HasSubstr("0.868"));
}

TEST(PopularityNoteTest, SaysWhatTheControlReaches) {
  explainer::v1::Evaluation evaluation;
  EXPECT_EQ(PopularityNote(evaluation), "");
  auto* latent = evaluation.mutable_popularity()->add_latents();
  latent->set_latent(17);
  latent->set_recommended_correlation(-0.5);
  latent->set_description("popular Action");
  evaluation.mutable_popularity()->set_shuffled_correlation(0.21);
  EXPECT_THAT(PopularityNote(evaluation), HasSubstr("up to 0.21"));
  const std::string text = PopularityTable(evaluation, 5).Render(0, false);
  EXPECT_THAT(text, HasSubstr("popular Action"));
  EXPECT_THAT(text, HasSubstr("17"));
  evaluation.mutable_popularity()->set_missing("it is not known");
  EXPECT_EQ(PopularityNote(evaluation), "popularity: it is not known");
}

TEST(EvaluationDetailsTest, TellsOfRowsSeenBeforeWhereThereAreAny) {
  explainer::v1::Evaluation evaluation = Measured();
  EXPECT_THAT(EvaluationDetails(evaluation).Render(0, false), Not(HasSubstr("seen before")));
  evaluation.set_seen_row_count(12);
  EXPECT_THAT(EvaluationDetails(evaluation).Render(0, false), HasSubstr("12 (the held-out item"));
}

}  // namespace
}  // namespace recsae::cli
