#include "clients/cli/render/latents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "clients/cli/render/comparison.h"

namespace recsae::cli {
namespace {

using explainer::v1::DictionaryScore;
using explainer::v1::Evaluation;
using testing::HasSubstr;
using testing::Not;

void AddSplit(DictionaryScore& score, const std::string& value, const std::vector<int>& latents,
              int missed) {
  auto* split = score.mutable_splitting()->add_attributes();
  split->set_key("genre");
  split->set_value(value);
  split->mutable_latents()->Add(latents.begin(), latents.end());
  split->set_told_row_count(1200);
  split->set_missed_row_count(missed);
  split->set_absorbed_row_count(missed / 2);
}

Evaluation Measured() {
  Evaluation evaluation;
  auto& use = *evaluation.mutable_latent_use();
  use.set_row_count(2874);
  use.set_latent_count(512);
  use.set_dead_count(64);
  use.set_dense_count(5);
  use.set_over_half_count(1);
  auto* stability = evaluation.add_stability();
  stability->set_sae("saes/movies-seed2");
  stability->set_pair_count(512);
  stability->set_mean_cosine(0.625);
  stability->set_above_7_share(0.375);
  evaluation.mutable_comparison()->set_set_count(3);
  DictionaryScore* trained = evaluation.add_dictionaries();
  trained->set_kind(DictionaryScore::KIND_TRAINED);
  trained->mutable_splitting()->set_attribute_count(3);
  trained->mutable_splitting()->set_latents_per_attribute(1.5);
  trained->mutable_splitting()->set_missed_share(0.25);
  trained->mutable_splitting()->set_absorption_rate(0.125);
  trained->mutable_splitting()->set_absorbed_share(0.5);
  AddSplit(*trained, "Drama", {3}, 10);
  AddSplit(*trained, "Horror", {7, 9}, 40);
  AddSplit(*trained, "War", {2}, 80);
  evaluation.add_dictionaries()->set_kind(DictionaryScore::KIND_RAW);
  return evaluation;
}

TEST(LatentsTest, DeadAndDenseLatentsAndEachReferenceHaveALine) {
  const std::string table = LatentTable(Measured()).Render(0, false);
  EXPECT_THAT(table, HasSubstr("64 of 512 (12.5 %)"));
  EXPECT_THAT(table, HasSubstr("5 of 512 (1.0 %) fire on more than 10 % of the rows, 1 on more "
                               "than half"));
  EXPECT_THAT(table, HasSubstr("found again in movies-seed2"));
  EXPECT_THAT(table, HasSubstr("mean cosine 0.625, 37.5 % above .7 (512 pairs)"));
}

TEST(LatentsTest, SplitAttributesComeFirstThenThoseMissedMost) {
  const std::string table = SplitTable(Measured(), 2).Render(0, false);
  EXPECT_LT(table.find("genre Horror"), table.find("genre War"));
  EXPECT_THAT(table, HasSubstr("#7 #9"));
  EXPECT_THAT(table, HasSubstr("1,200"));
  EXPECT_THAT(table, Not(HasSubstr("Drama")));
}

TEST(LatentsTest, AnOlderServersEvaluationHasNothingToShow) {
  EXPECT_TRUE(LatentTable(Evaluation()).empty());
  EXPECT_TRUE(SplitTable(Evaluation(), 5).empty());
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  AddLatents(Evaluation(), json);
  EXPECT_EQ(json.dump(), "{}");
}

TEST(LatentsTest, ReportsHaveThemBesideDescribedR2) {
  nlohmann::ordered_json json;
  AddComparison(Measured(), json);
  EXPECT_EQ(json["latent_use"].dump(),
            R"({"latents":512,"dead":64,"dense":5,"over_half":1,"rows":2874})");
  EXPECT_EQ(json["stability"].dump(),
            R"([{"sae":"saes/movies-seed2","pairs":512,"mean_cosine":0.625,"above_0.7":0.375}])");
  EXPECT_EQ(json["splitting"].dump(),
            R"({"trained":{"attributes":3,"latents_per_attribute":1.5,"missed_share":0.25,)"
            R"("absorption_rate":0.125,"absorbed_share":0.5}})");
}

}  // namespace
}  // namespace recsae::cli
