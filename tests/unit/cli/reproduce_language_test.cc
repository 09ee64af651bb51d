// Concepts that a language model described and judged, from the report to the tables.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "clients/cli/reproduce/concept_list.h"
#include "clients/cli/reproduce/language.h"
#include "clients/cli/reproduce/markdown.h"
#include "clients/cli/reproduce/measurement.h"
#include "clients/cli/reproduce/page.h"
#include "clients/cli/reproduce/result_table.h"
#include "common/base/status.h"

namespace recsae::cli {
namespace {

using concept_store::v1::Concept;
using explainer::v1::LanguageModelReport;
using nlohmann::ordered_json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

void Set(LanguageModelReport::Score* score, double mean) {
  score->set_mean(mean);
  score->set_low(mean - .05);
  score->set_high(mean + .05);
  score->set_latent_count(60);
}

explainer::v1::ConceptReport ReportOf(double own, double statistical, double dealt) {
  explainer::v1::ConceptReport report;
  report.mutable_paper()->set_confidence_80_count(50);
  report.mutable_paper()->set_total_count(100);
  report.mutable_paper_control()->set_confidence_80_count(10);
  report.mutable_paper_control()->set_total_count(100);
  LanguageModelReport& model = *report.mutable_language_model();
  model.set_model("llama|3");
  model.set_prompt_hash("0123456789abcdef");
  Set(model.mutable_own(), own);
  Set(model.mutable_statistical(), statistical);
  Set(model.mutable_control(), dealt);
  model.mutable_paper()->set_confidence_80_count(30);
  model.mutable_paper()->set_total_count(60);
  model.mutable_paper_control()->set_confidence_80_count(3);
  model.mutable_paper_control()->set_total_count(60);
  model.set_unreadable_count(2);
  model.set_call_count(1860);
  model.set_token_count(200'000);
  model.set_remembered_count(7);
  model.set_retest_case_count(80);
  model.set_retest_agreement(.9);
  model.set_retest_kappa(.8);
  return report;
}

std::vector<Concept> Concepts() {
  Concept value;
  value.set_latent(3);
  value.set_description("by the model");
  value.set_source(Concept::SOURCE_LANGUAGE_MODEL);
  value.mutable_paper_score()->set_confidence(.7);
  value.mutable_paper_score()->set_precision(.6);
  value.mutable_paper_score()->set_recall(.8);
  for (const auto& [text, author, score] :
       {std::tuple("by the model", Concept::SOURCE_LANGUAGE_MODEL, .9),
        std::tuple("by statistics", Concept::SOURCE_STATISTICAL_LABELER, .6)}) {
    auto* judged = value.add_descriptions();
    judged->set_text(text);
    judged->set_author(author);
    judged->set_score(score);
    judged->set_precision(1);
    judged->set_recall(score - .1);
  }
  Concept other;
  other.set_latent(4);
  other.set_description("never judged by the model");
  other.mutable_paper_score()->set_precision(.4);
  other.mutable_paper_score()->set_recall(.4);
  return {value, other};
}

ordered_json CellOf(const std::string& method, const explainer::v1::ConceptReport& report) {
  concept_store::v1::Sae sae;
  sae.set_activation_dim(64);
  sae.set_latent_count(512);
  sae.set_k(8);
  ordered_json cell = {{"dataset", "ml-1m-recsae"},
                       {"recommender", "bprmf"},
                       {"method", method},
                       {"seed", 1},
                       {"settings", "--llm"}};
  cell.update(SaeJson(sae, explainer::v1::Evaluation(), report, 1));
  AddPrecision(Concepts(), cell["concepts"]);
  if (method == "sae") cell["examples"] = ExamplesJson(Concepts(), {});
  return cell;
}

ResultTable TableOf(const Cells& cells, const std::string& id) {
  const auto tables = MakeTables(cells);
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const ResultTable& table) { return table.id == id; });
  return found == tables.end() ? ResultTable() : *found;
}

double Mean(const ResultTable& table, size_t row, const std::string& metric) {
  const Value* value = table.Find(table.rows.at(row), metric);
  return value == nullptr ? -1 : value->measured.mean;
}

TEST(JudgesTableTest, HasARowForEachJudgeAndThePaperBesideTheModel) {
  const Cells cells = {CellOf("raw", ReportOf(.5, .5, .5)), CellOf("sae", ReportOf(.8, .7, .5))};
  const ResultTable table = TableOf(cells, "table3-judges");
  ASSERT_THAT(table.rows, SizeIs(4));
  EXPECT_THAT(table.rows[2].labels,
              ElementsAre("ml-1m-recsae", "BPRMF", "trained SAE", "statistical"));
  EXPECT_EQ(table.rows[3].labels.back(), "llama|3");
  EXPECT_EQ(Mean(table, 2, "ge_0.8"), 50);
  EXPECT_EQ(Mean(table, 3, "ge_0.8"), 30);
  EXPECT_EQ(Mean(table, 3, "all"), 60);
  EXPECT_DOUBLE_EQ(Mean(table, 2, "sure_control"), .1);
  EXPECT_DOUBLE_EQ(Mean(table, 3, "sure"), .5);
  EXPECT_DOUBLE_EQ(Mean(table, 3, "sure_control"), .05);
  // Means over concepts: two were judged by statistics, one by the model.
  EXPECT_DOUBLE_EQ(Mean(table, 2, "precision"), .5);
  EXPECT_DOUBLE_EQ(Mean(table, 3, "precision"), 1);
  EXPECT_DOUBLE_EQ(Mean(table, 3, "recall"), .8);
  EXPECT_EQ(table.Find(table.rows[2], "ge_0.8")->paper, std::nullopt);
  EXPECT_EQ(table.Find(table.rows[3], "ge_0.8")->paper, 65);
  EXPECT_EQ(table.Find(table.rows[1], "ge_0.8")->paper, 2);  // of raw dimensions
}

TEST(JudgesTableTest, IsNotThereWithoutAModel) {
  explainer::v1::ConceptReport report = ReportOf(.8, .7, .5);
  report.clear_language_model();
  const Cells cells = {CellOf("sae", report)};
  EXPECT_THAT(TableOf(cells, "table3-judges").rows, IsEmpty());
  EXPECT_THAT(TableOf(cells, "table3-judge").rows, IsEmpty());
  EXPECT_THAT(TableOf(cells, "table3-concepts").rows, SizeIs(1));
  EXPECT_EQ(ListConcepts(cells)[0].model, "");
}

TEST(JudgeTableTest, SaysWhatItCostAndNothingElseWhereItKnowsWhatItSays) {
  const ResultTable table = TableOf(
      {CellOf("raw", ReportOf(.5, .5, .5)), CellOf("sae", ReportOf(.8, .7, .5))}, "table3-judge");
  EXPECT_EQ(Mean(table, 1, "own"), .8);
  EXPECT_EQ(Mean(table, 1, "own_low"), .75);
  EXPECT_EQ(Mean(table, 1, "dealt_high"), .55);
  EXPECT_EQ(Mean(table, 1, "agreement"), .9);
  EXPECT_EQ(Mean(table, 1, "unreadable"), 2);
  EXPECT_EQ(Mean(table, 1, "calls"), 1860);
  // That raw dimensions are at chance says nothing of the judge.
  EXPECT_THAT(table.notes,
              ElementsAre("paid: 3,720 calls, 400,000 tokens; 14 answers from before"));
}

TEST(JudgeTableTest, SaysWhereTheModelIsAtChance) {
  const auto notes = [](const explainer::v1::ConceptReport& report) {
    return TableOf({CellOf("sae", report)}, "table3-judge").notes;
  };
  EXPECT_THAT(notes(ReportOf(.58, .5, .5))[0],
              AllOf(HasSubstr("ml-1m-recsae, BPRMF, trained SAE, seed 1"),
                    HasSubstr("judges at chance"), HasSubstr("0.580 (0.530 to 0.630)")));
  // It judges, but does not describe.
  EXPECT_THAT(notes(ReportOf(.58, .7, .5)), SizeIs(1));

  explainer::v1::ConceptReport undealt = ReportOf(.9, .9, .5);
  undealt.mutable_language_model()->clear_control();
  undealt.mutable_language_model()->set_stopped("the budget of 40 calls is spent");
  EXPECT_THAT(notes(undealt),
              ElementsAre(HasSubstr("no description was dealt"),
                          HasSubstr("not every latent was asked about: the budget of 40"),
                          HasSubstr("paid: ")));
  undealt.mutable_language_model()->clear_own();
  undealt.mutable_language_model()->clear_statistical();
  EXPECT_THAT(notes(undealt)[0], HasSubstr("nothing was judged"));
}

TEST(JudgeTableTest, SweepsHaveTheModelsCountsToo) {
  ordered_json base = CellOf("sae", ReportOf(.8, .7, .5));
  const Cells cells = {base, CellOf("s8-k4", ReportOf(.8, .7, .5))};
  const ResultTable table = TableOf(cells, "fig5");
  ASSERT_THAT(table.rows, SizeIs(2));
  EXPECT_EQ(Mean(table, 0, "model_ge_0.8"), 30);
  EXPECT_EQ(Mean(table, 0, "model_control"), 3);
}

TEST(ExamplesTest, BothDescriptionsAreKeptWhicheverIsShown) {
  const Cells cells = {CellOf("sae", ReportOf(.8, .7, .5))};
  const ConceptList list = ListConcepts(cells)[0];
  EXPECT_EQ(list.model, "llama|3");
  ASSERT_THAT(list.concepts, SizeIs(2));
  EXPECT_EQ(list.concepts[0].description, "by statistics");
  ASSERT_TRUE(list.concepts[0].own);
  EXPECT_EQ(list.concepts[0].own->text, "by the model");
  EXPECT_EQ(list.concepts[0].own->score, .9);
  EXPECT_EQ(list.concepts[0].statistical->score, .6);
  EXPECT_FALSE(list.concepts[1].own);
  const std::string text = MarkdownConcepts(cells);
  EXPECT_THAT(text, HasSubstr("| C, llama\\|3 | concept by llama\\|3 |"));
  EXPECT_THAT(text, HasSubstr("| #3 | by statistics | 0.7 | 0.6 | by the model | 0.9 |"));
  const std::string page = MakePage(cells, "--llm");
  EXPECT_THAT(page, HasSubstr("0.9 (precision 1.00, recall 0.80)"));
  EXPECT_THAT(page, HasSubstr("paid: 1,860 calls"));
  EXPECT_THAT(page, HasSubstr("Judge statistical: concepts of C ≥ 0.8"));
  EXPECT_THAT(MarkdownTable(TableOf(cells, "table3-judge")), HasSubstr("\n* paid: 1,860 calls"));
  EXPECT_THAT(TableJson(TableOf(cells, "table3-judge"))["notes"], SizeIs(1));
  EXPECT_FALSE(TableJson(TableOf(cells, "table3-concepts")).contains("notes"));
}

TEST(AnnounceCallsTest, CountsLatentsBySettings) {
  ReproduceFlags flags;
  flags.recommender_flags.embedding_dim = 16;
  const std::vector<CellId> cells = {{"d", "bprmf", "recommender", 1},
                                     {"d", "bprmf", "raw", 1},
                                     {"d", "bprmf", "sae", 1},
                                     {"d", "bprmf", "s2-k8", 1},
                                     {"d", "bprmf", "steer", 1}};
  // 16 dimensions, 8 x 16 by default, 2 x 16.
  EXPECT_THAT(AnnounceCalls(cells, flags), HasSubstr("176 latents of 3 SAEs"));
  EXPECT_THAT(AnnounceCalls(cells, flags), HasSubstr("at most 5,676 times"));
  flags.sae_flags.latents = {64};
  EXPECT_THAT(AnnounceCalls(cells, flags), HasSubstr("112 latents"));
  flags.llm_calls = 100;
  EXPECT_THAT(AnnounceCalls(cells, flags), HasSubstr("at most 300 times"));
  EXPECT_EQ(AnnounceCalls({cells[0]}, flags), "");
  EXPECT_EQ(LanguageOptions(flags).max_calls(), 100);
  EXPECT_EQ(LanguageOptions(flags).judge(), explainer::v1::LanguageModelOptions::JUDGE_LEVELS);
}

TEST(CheckSameModelTest, RefusesToMixJudges) {
  const ordered_json before = CellOf("raw", ReportOf(.8, .7, .5));
  explainer::v1::ConceptReport report = ReportOf(.8, .7, .5);
  EXPECT_TRUE(CheckSameModel({before}, CellOf("sae", report)).ok());
  EXPECT_TRUE(CheckSameModel({before}, {{"metrics", {}}}).ok());
  report.mutable_language_model()->set_prompt_hash("other");
  const absl::Status other = CheckSameModel({before}, CellOf("sae", report));
  EXPECT_EQ(Reason(other), "SETTINGS_DIFFER");
  EXPECT_THAT(std::string(other.message()),
              AllOf(HasSubstr("ml-1m-recsae.bprmf.raw.seed1"), HasSubstr("0123456789ab"),
                    HasSubstr("other"), HasSubstr("--out"), Not(HasSubstr("cdef"))));
}

}  // namespace
}  // namespace recsae::cli
