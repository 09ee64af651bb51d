#include "clients/cli/render/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {
namespace {

using explainer::v1::DictionaryScore;
using testing::ElementsAre;

std::vector<std::string> Keys(const nlohmann::ordered_json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

PipelineResult ExampleResult() {
  PipelineResult result;
  result.sae.set_activation_dim(64);
  result.sae.set_latent_count(1024);
  result.sae.set_k(8);
  result.sae.mutable_report()->set_fvu(0.0595);
  result.sae.mutable_report()->set_dead_fraction(0.003);
  result.sae.mutable_report()->set_row_count(562729);
  result.sae.mutable_report()->set_distinct_row_count(6040);
  result.sae.mutable_report()->set_epoch_count(8);
  result.sae.mutable_report()->add_warnings("few users");
  result.concepts.set_concept_count(1009);
  result.concepts.mutable_paper()->set_confidence_100_count(8);
  result.concepts.mutable_paper()->set_confidence_90_count(36);
  result.concepts.mutable_paper()->set_confidence_80_count(112);
  result.concepts.mutable_paper_control()->set_confidence_80_count(55);
  result.concepts.set_group_count(700);
  result.concepts.set_verified_group_count(250);
  for (const auto& [kind, verified] : {std::pair(DictionaryScore::KIND_TRAINED, 300),
                                       std::pair(DictionaryScore::KIND_RANDOM, 7)}) {
    auto& counts = *result.concepts.add_tests();
    counts.set_kind(kind);
    counts.set_verified_count(verified);
  }
  result.evaluation.set_row_count(60);
  result.evaluation.set_seen_row_count(7);
  result.evaluation.add_warnings("few items");
  result.evaluation.mutable_recommender()->set_hr_at_10(0.1813);
  result.evaluation.mutable_reconstructed()->set_ndcg_at_20(0.12);
  result.evaluation.mutable_similarity()->set_intra(0.7);
  result.evaluation.mutable_similarity()->set_inter(0.1);
  result.evaluation.mutable_similarity()->set_concept_count(112);
  result.seconds = {{"train_recommender", 300}, {"capture", 20}};
  result.dataset.set_test_row_count(60);
  result.dataset.set_test_seen_row_count(12);
  result.dataset.add_remarks()->set_code("TEST_ITEMS_SEEN");
  result.seed = 1;
  result.version = "0.1.0";
  return result;
}

TEST(ReportJsonTest, HasExactlyTheDocumentedKeys) {
  const auto json = ReportJson(ExampleResult());
  EXPECT_THAT(Keys(json),
              ElementsAre("recommender", "reconstructed", "evaluation", "sae", "concepts",
                          "similarity", "seconds", "dataset", "seed", "version"));
  EXPECT_THAT(Keys(json["evaluation"]), ElementsAre("rows", "rows_seen_in_history", "warnings"));
  EXPECT_THAT(Keys(json["dataset"]),
              ElementsAre("test_rows", "test_rows_seen_in_training", "remarks"));
  EXPECT_THAT(Keys(json["dataset"]["remarks"][0]), ElementsAre("code", "count", "text"));
  EXPECT_THAT(Keys(json["recommender"]),
              ElementsAre("hr@10", "ndcg@10", "hr@20", "ndcg@20", "lists"));
  EXPECT_THAT(Keys(json["reconstructed"]),
              ElementsAre("hr@10", "ndcg@10", "hr@20", "ndcg@20", "lists"));
  EXPECT_THAT(Keys(json["sae"]), ElementsAre("d", "latents", "k", "fvu", "dead_fraction", "rows",
                                             "distinct_rows", "epochs", "warnings"));
  EXPECT_THAT(Keys(json["concepts"]),
              ElementsAre("total", "confidence_eq_1", "confidence_ge_0.9", "confidence_ge_0.8",
                          "control_ge_0.8", "groups", "verified_groups", "verified", "tests"));
  EXPECT_THAT(Keys(json["concepts"]["tests"]), ElementsAre("trained", "random"));
  EXPECT_THAT(Keys(json["concepts"]["tests"]["trained"]),
              ElementsAre("latents", "described", "predictive", "specific", "causal", "verified"));
  EXPECT_THAT(Keys(json["similarity"]), ElementsAre("intra", "inter", "count"));
  EXPECT_THAT(Keys(json["seconds"]), ElementsAre("train_recommender", "capture"));
}

TEST(ReportJsonTest, TakesEachValueFromItsPlace) {
  const auto json = ReportJson(ExampleResult());
  EXPECT_EQ(json["recommender"]["hr@10"], 0.1813);
  EXPECT_EQ(json["reconstructed"]["ndcg@20"], 0.12);
  EXPECT_TRUE(json["recommender"]["hr@20"].is_null()) << "not measured";
  EXPECT_EQ(json["evaluation"]["rows"], 60);
  EXPECT_EQ(json["evaluation"]["rows_seen_in_history"], 7);
  EXPECT_EQ(json["evaluation"]["warnings"][0], "few items");
  EXPECT_EQ(json["dataset"]["test_rows_seen_in_training"], 12);
  EXPECT_EQ(json["dataset"]["remarks"][0]["code"], "TEST_ITEMS_SEEN");
  EXPECT_EQ(json["sae"]["d"], 64);
  EXPECT_EQ(json["sae"]["rows"], 562729);
  EXPECT_EQ(json["sae"]["distinct_rows"], 6040);
  EXPECT_EQ(json["sae"]["warnings"][0], "few users");
  EXPECT_EQ(json["concepts"]["confidence_eq_1"], 8);
  EXPECT_EQ(json["concepts"]["confidence_ge_0.9"], 36);
  EXPECT_EQ(json["concepts"]["confidence_ge_0.8"], 112);
  EXPECT_EQ(json["concepts"]["control_ge_0.8"], 55);
  EXPECT_EQ(json["concepts"]["verified"], 300);
  EXPECT_EQ(json["concepts"]["tests"]["trained"]["verified"], 300);
  EXPECT_EQ(json["concepts"]["tests"]["random"]["verified"], 7);
  EXPECT_EQ(json["concepts"]["groups"], 700);
  EXPECT_EQ(json["concepts"]["verified_groups"], 250);
  EXPECT_EQ(json["similarity"]["count"], 112);
  EXPECT_EQ(json["seconds"]["capture"], 20);
  EXPECT_EQ(json["seed"], 1);
}

TEST(ReportJsonTest, SaysWhyConceptsWereNotTested) {
  PipelineResult result = ExampleResult();
  result.concepts.clear_tests();
  result.concepts.set_untested("too few users");
  const auto json = ReportJson(result)["concepts"];
  EXPECT_EQ(json["untested"], "too few users");
  EXPECT_FALSE(json.contains("verified"));
  EXPECT_FALSE(json.contains("tests"));
}

TEST(ScorePlantedTest, JoinsScoresWithDescriptions) {
  explainer::v1::Evaluation evaluation;
  const auto add = [&](const char* key, const char* value, int latent, double auc) {
    auto& score = *evaluation.add_attributes();
    score.set_key(key);
    score.set_value(value);
    score.set_latent(latent);
    score.set_latent_auc(auc);
  };
  add("concept", "Harbor", 3, 0.99);
  add("decade", "1980s", 3, 0.8);
  add("concept", "meadow", 5, 0.97);
  add("concept", "desert", 6, 0.9);
  std::vector<concept_store::v1::Concept> concepts(2);
  concepts[0].set_latent(5);
  concepts[0].set_description("tundra");
  concepts[1].set_latent(3);
  concepts[1].set_description("harbor, boats");

  const auto scores = ScorePlanted(evaluation, concepts);
  ASSERT_EQ(scores.size(), 3u);
  EXPECT_EQ(scores[0].planted, "Harbor");
  EXPECT_EQ(scores[0].latent, 3);
  EXPECT_EQ(scores[0].auc, 0.99);
  EXPECT_TRUE(scores[0].named);
  EXPECT_EQ(scores[1].description, "tundra");
  EXPECT_FALSE(scores[1].named);
  EXPECT_FALSE(scores[2].named);

  PipelineResult result = ExampleResult();
  result.planted = scores;
  const auto json = ReportJson(result);
  ASSERT_EQ(json["planted"].size(), 3u);
  EXPECT_EQ(json["planted"][0]["auc"], 0.99);
  EXPECT_EQ(json["planted"][1]["named"], false);
}

}  // namespace
}  // namespace recsae::cli
