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

TEST(EvaluationDetailsTest, TellsOfRowsSeenBeforeWhereThereAreAny) {
  explainer::v1::Evaluation evaluation = Measured();
  EXPECT_THAT(EvaluationDetails(evaluation).Render(0, false), Not(HasSubstr("seen before")));
  evaluation.set_seen_row_count(12);
  EXPECT_THAT(EvaluationDetails(evaluation).Render(0, false), HasSubstr("12 (the held-out item"));
}

}  // namespace
}  // namespace recsae::cli
