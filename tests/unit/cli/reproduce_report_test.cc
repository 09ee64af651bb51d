#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "absl/strings/str_split.h"
#include "clients/cli/reproduce/cell.h"
#include "clients/cli/reproduce/chart.h"
#include "clients/cli/reproduce/concept_list.h"
#include "clients/cli/reproduce/estimate.h"
#include "clients/cli/reproduce/first_block.h"
#include "clients/cli/reproduce/html.h"
#include "clients/cli/reproduce/markdown.h"
#include "clients/cli/reproduce/page.h"
#include "clients/cli/reproduce/paper.h"
#include "clients/cli/reproduce/result_table.h"
#include "clients/cli/reproduce/scale.h"
#include "clients/cli/reproduce/study_list.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

TEST(SummariseTest, MeanAndSampleDeviation) {
  const Estimate estimate = Summarise({2, 4, 4, 6});
  EXPECT_EQ(estimate.count, 4);
  EXPECT_DOUBLE_EQ(estimate.mean, 4);
  EXPECT_DOUBLE_EQ(estimate.spread, std::sqrt(8.0 / 3));
  EXPECT_DOUBLE_EQ(Summarise({3}).spread, 0);
  EXPECT_EQ(Summarise({}).count, 0);
}

TEST(FormatEstimateTest, SaysTheSpreadOfSeveral) {
  EXPECT_EQ(FormatEstimate({3, 0.17873, 0.0032}, {4, false}), "0.1787 ± 0.0032");
  EXPECT_EQ(FormatEstimate({1, 0.17873, 0}, {4, false}), "0.1787");
  EXPECT_EQ(FormatEstimate({2, 1318.4, 9.6}, {0, false}), "1,318 ± 10");
  EXPECT_EQ(FormatEstimate({2, 0.968, 0.008}, {1, true}), "96.8 ± 0.8 %");
  EXPECT_EQ(FormatEstimate({}, {4, false}), "");
}

TEST(RoundTicksTest, AreRoundAndHoldTheRange) {
  EXPECT_THAT(RoundTicks(0, 100, 5), ElementsAre(0, 50, 100));
  EXPECT_THAT(RoundTicks(0, 80, 5), ElementsAre(0, 20, 40, 60, 80));
  EXPECT_THAT(RoundTicks(0.91, 1.0, 4),
              ElementsAre(DoubleNear(0.9, 1e-9), DoubleNear(0.95, 1e-9), DoubleNear(1, 1e-9)));
  EXPECT_EQ(TickDecimals(RoundTicks(0.91, 1.0, 4)), 2);
  EXPECT_EQ(TickDecimals(RoundTicks(0, 80, 5)), 0);
  for (const double value : {0.0, 7.0, -3.0}) {
    const auto ticks = RoundTicks(value, value, 5);
    EXPECT_GE(ticks.size(), 2u);
    EXPECT_LE(ticks.front(), value);
    EXPECT_GE(ticks.back(), value);
  }
}

TEST(ScaleTest, MapsEnds) {
  const Scale y = {0, 10, 200, 20};
  EXPECT_EQ(y(0), 200);
  EXPECT_EQ(y(10), 20);
  EXPECT_EQ(y(5), 110);
  EXPECT_EQ((Scale{3, 3, 7, 9}(3)), 7);
}

TEST(SpreadApartTest, KeepsTheDistanceAndTheOrder) {
  EXPECT_THAT(SpreadApart({50, 10}, 16, 0, 100), ElementsAre(50, 10));
  EXPECT_THAT(SpreadApart({20, 20, 20}, 10, 0, 100), ElementsAre(20, 30, 40));
  EXPECT_THAT(SpreadApart({95, 98}, 10, 0, 100), ElementsAre(90, 100));
}

TEST(EscapeTest, NothingIsMarkup) {
  EXPECT_EQ(EscapeHtml("<b class=\"x\">A&B's</b>"),
            "&lt;b class=&quot;x&quot;&gt;A&amp;B&#39;s&lt;/b&gt;");
  EXPECT_EQ(EscapeMarkdown("a|b *c* <d>"), "a\\|b \\*c\\* \\<d\\>");
  EXPECT_EQ(EscapeMarkdown("two\nlines"), "two lines");
}

ordered_json CellOf(const std::string& recommender, const std::string& method, int seed) {
  return {{"dataset", kPaperDataset}, {"recommender", recommender},
          {"method", method},         {"seed", seed},
          {"settings", ""},           {"seconds", 1}};
}

ordered_json RecommenderCell(int seed, double hr) {
  ordered_json cell = CellOf("bprmf", "recommender", seed);
  cell["metrics"] = {{"hr@10", hr}};
  return cell;
}

ordered_json SaeCell(const std::string& method, int seed, double kept) {
  ordered_json cell = CellOf("bprmf", method, seed);
  cell["original"] = {{"hr@10", 0.08}, {"ndcg@10", 0.04}};
  cell["reconstructed"] = {{"hr@10", 0.08 * kept}, {"ndcg@10", 0.04 * kept}};
  cell["fvu"] = 0.1;
  cell["mse"] = 0.01;
  cell["sae"] = {{"d", 64}, {"latents", 1024}, {"k", 8}};
  cell["concepts"] = {{"described", 1000},
                      {"paper", {{"eq_1", 5}, {"ge_0.9", 20}, {"ge_0.8", 70}, {"all", 900}}},
                      {"control", {{"ge_0.8", 9}}},
                      {"verified", 800},
                      {"tests", {{"trained", {{"verified", 800}}}, {"random", {{"verified", 3}}}}}};
  cell["described_r2"] = {{"trained", {{"3", 0.5}}}, {"raw", {{"3", 0.2}}}};
  cell["similarity"] = {{"concepts", 70}, {"intra", 0.5}, {"inter", 0.1}};
  if (method == "sae") {
    cell["examples"] = {
        {{"latent", 7},
         {"description", "<script>alert(1)</script>"},
         {"correlation", 0.9},
         {"verified", true},
         {"rows", 40},
         {"paper_confidence", 1.0},
         {"terms", {{{"text", "star trek"}, {"kind", "word"}}}},
         {"items", {{{"id", "1"}, {"title", "A | B & <C>"}, {"activation", 0.5}}}}}};
  }
  return cell;
}

const ResultTable& TableOf(const std::vector<ResultTable>& tables, const std::string& id) {
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const ResultTable& table) { return table.id == id; });
  EXPECT_NE(found, tables.end()) << id;
  return *found;
}

TEST(MakeTablesTest, TakesMeansOverSeedsBesideThePaper) {
  const auto tables = MakeTables({RecommenderCell(1, 0.08), RecommenderCell(2, 0.09),
                                  SaeCell("sae", 1, 0.9), SaeCell("sae", 2, 1.0)});
  const ResultTable& table = TableOf(tables, "table3-reconstruction");
  ASSERT_THAT(table.rows, SizeIs(2));
  EXPECT_THAT(table.rows[0].labels, ElementsAre(kPaperDataset, "BPRMF", "itself"));
  const Value* hr = table.Find(table.rows[0], "hr@10");
  ASSERT_NE(hr, nullptr);
  EXPECT_DOUBLE_EQ(hr->measured.mean, 0.085);
  EXPECT_EQ(hr->measured.count, 2);
  EXPECT_EQ(hr->paper, 0.0794);
  const Value* kept = table.Find(table.rows[1], "hr@10_kept");
  ASSERT_NE(kept, nullptr);
  EXPECT_NEAR(kept->measured.mean, 0.95, 1e-12);
  EXPECT_NEAR(kept->paper.value_or(0), 0.0724 / 0.0794, 1e-12);
  EXPECT_EQ(table.Find(table.rows[0], "fvu"), nullptr);

  const ResultTable& concepts = TableOf(tables, "table3-concepts");
  EXPECT_EQ(concepts.Find(concepts.rows[0], "ge_0.8")->paper, 65);
  EXPECT_EQ(concepts.Find(concepts.rows[0], "verified")->measured.mean, 800);
  EXPECT_FALSE(concepts.HasPaper("verified"));
  EXPECT_EQ(concepts.Find(concepts.rows[0], "described_r2")->measured.mean, 0.5);
  EXPECT_THAT(concepts.caption, HasSubstr("paper's protocol, statistical judge"));
}

// Dictionaries of raw dimensions and of an untrained SAE are the trained one of their own cells.
TEST(MakeTablesTest, UntrainedDictionariesHaveTheirOwnRows) {
  ordered_json raw = SaeCell("raw", 1, 1.0);
  raw["concepts"]["tests"]["trained"]["verified"] = 2;
  raw["described_r2"]["trained"]["3"] = 0.25;
  ordered_json random = SaeCell("random", 1, 0.2);
  random["concepts"]["tests"]["trained"]["verified"] = 0;
  random.erase("described_r2");  // too few users to compare
  const auto tables = MakeTables({random, raw, SaeCell("sae", 1, 0.9)});
  const ResultTable& table = TableOf(tables, "table3-concepts");
  ASSERT_THAT(table.rows, SizeIs(3));
  const auto row = [&](const char* method) -> const ResultRow& {
    return *std::find_if(table.rows.begin(), table.rows.end(),
                         [&](const ResultRow& r) { return r.labels[2] == method; });
  };
  EXPECT_EQ(table.Find(row("raw dimensions"), "verified")->measured.mean, 2);
  EXPECT_EQ(table.Find(row("raw dimensions"), "described_r2")->measured.mean, 0.25);
  EXPECT_EQ(table.Find(row("random SAE"), "verified")->measured.mean, 0);
  EXPECT_EQ(table.Find(row("random SAE"), "described_r2"), nullptr);
  EXPECT_EQ(table.Find(row("trained SAE"), "verified")->measured.mean, 800);
}

// What an earlier version counted as verified is not what is counted now.
TEST(MakeTablesTest, TakesNoVerifiedCountsOfAnEarlierVersion) {
  ordered_json old = SaeCell("sae", 1, 0.9);
  old["concepts"].erase("tests");
  old["examples"][0].erase("correlation");
  old["examples"][0]["confidence"] = 0.9;
  const auto tables = MakeTables({old});
  const ResultTable& table = TableOf(tables, "table3-concepts");
  EXPECT_EQ(table.Find(table.rows[0], "verified"), nullptr);
  EXPECT_EQ(table.Find(table.rows[0], "ge_0.8")->measured.mean, 70);
  const ConceptEntry entry = ListConcepts({old})[0].concepts[0];
  EXPECT_EQ(entry.correlation, 0);
  EXPECT_FALSE(entry.verified);
  EXPECT_THAT(MakePage({old}, ""), HasSubstr("star trek"));
}

TEST(MakeTablesTest, ComparesBeforeAndAfterOnlyWhereBothWereMeasured) {
  const auto has6 = [](const std::vector<ResultTable>& tables) {
    return std::any_of(tables.begin(), tables.end(),
                       [](const ResultTable& table) { return table.id == "table6"; });
  };
  EXPECT_FALSE(has6(MakeTables({SaeCell("sae", 1, 0.9)})));
  EXPECT_TRUE(has6(MakeTables({SaeCell("random", 1, 0.1), SaeCell("sae", 1, 0.9)})));
}

TEST(MakeTablesTest, ASweepHoldsTheTrainedSaeInItsPlace) {
  ordered_json small = SaeCell("s4-k8", 1, 0.8);
  ordered_json large = SaeCell("s32-k8", 1, 0.99);
  ordered_json sparse = SaeCell("s16-k2", 1, 0.5);
  const auto tables = MakeTables({large, small, sparse, SaeCell("sae", 1, 0.9)});
  const auto labels = [&](const char* id) {
    std::vector<std::string> values;
    for (const ResultRow& row : TableOf(tables, id).rows) values.push_back(row.labels[2]);
    return values;
  };
  EXPECT_THAT(labels("fig4"), ElementsAre("4", "16", "32"));
  EXPECT_THAT(labels("fig5"), ElementsAre("2", "8"));
}

TEST(MarkdownTableTest, PutsThePaperInTheNextColumn) {
  const auto tables = MakeTables({RecommenderCell(1, 0.08), SaeCell("sae", 1, 0.9)});
  const std::string text = MarkdownTable(TableOf(tables, "table3-reconstruction"));
  EXPECT_THAT(text, HasSubstr("| data set | recommender | method | HR@10 | paper | NDCG@10 |"));
  EXPECT_THAT(text, HasSubstr("| ml-1m-recsae | BPRMF | itself | 0.0800 | 0.0794 |"));
  // Every line of the table has as many cells.
  size_t bars = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty() || line[0] != '|') continue;
    const auto count = static_cast<size_t>(std::count(line.begin(), line.end(), '|'));
    if (bars == 0) bars = count;
    EXPECT_EQ(count, bars) << line;
  }
}

TEST(MarkdownTableTest, SaysWhyARecommenderWasNotMeasured) {
  ordered_json cell = CellOf("ecf", "recommender", 1);
  cell["refused"] = "kind ECF | is not there";
  const auto tables = MakeTables({cell, SaeCell("sae", 1, 0.9)});
  EXPECT_THAT(MarkdownTable(TableOf(tables, "table4")),
              HasSubstr("| ECF, single | not measured: kind ECF \\| is not there |"));
}

TEST(ListConceptsTest, TakesTheLowestSeed) {
  ordered_json second = SaeCell("sae", 10, 0.9);
  second["examples"][0]["latent"] = 99;
  const auto lists = ListConcepts({second, SaeCell("sae", 2, 0.9)});
  ASSERT_THAT(lists, SizeIs(1));
  EXPECT_EQ(lists[0].title, "BPRMF on ml-1m-recsae");
  EXPECT_EQ(lists[0].concepts[0].latent, 7);
}

ConceptEntry EntryOf(int latent, const std::string& term, double confidence, bool verified) {
  ConceptEntry entry;
  entry.latent = latent;
  entry.description = term;
  entry.terms = {{term, "word"}};
  entry.paper_confidence = confidence;
  entry.verified = verified;
  return entry;
}

TEST(DiverseTest, ShowsEachDescriptionFirst) {
  const std::vector<ConceptEntry> chosen =
      Diverse({EntryOf(1, "war", 1, true), EntryOf(2, "War", 1, true), EntryOf(3, "dogs", 1, false),
               EntryOf(4, "cats", 1, true)},
              3);
  std::vector<int> latents;
  for (const ConceptEntry& entry : chosen) latents.push_back(entry.latent);
  EXPECT_THAT(latents, ElementsAre(1, 4, 2));
  EXPECT_THAT(Diverse({EntryOf(3, "dogs", 1, false)}, 3), SizeIs(1));
  EXPECT_EQ(Diverse({EntryOf(3, "dogs", 1, false), EntryOf(5, "war", .1, true)}, 1)[0].latent, 5);
}

TEST(CloudWordsTest, CountsTheSureConcepts) {
  const auto words = CloudWords({EntryOf(1, "war", 1, true), EntryOf(2, "War", .8, true),
                                 EntryOf(3, "dogs", .7, true), EntryOf(4, "cats", .9, true)},
                                10);
  ASSERT_THAT(words, SizeIs(2));
  EXPECT_EQ(words[0].text, "cats");
  EXPECT_EQ(words[1].text, "war");
  EXPECT_EQ(words[1].weight, 2);
  EXPECT_THAT(CloudWords({}, 10), SizeIs(0));
  ConceptEntry known = EntryOf(1, "well-known", 1, true);
  known.terms = {{"well-known", "popularity"}, {"Horror", "genre"}, {"1990s", "decade"}};
  const auto meant = CloudWords({known}, 10);
  ASSERT_THAT(meant, SizeIs(2));
  EXPECT_EQ(meant[0].text, "1990s");
  EXPECT_EQ(meant[0].weight, 0.5);
  EXPECT_EQ(meant[1].text, "Horror");
  EXPECT_EQ(meant[1].weight, 1);
}

TEST(ChartTest, DrawsWhatThereIs) {
  BarChart bars = {"T<", "D", {4, false}, {{"G", {{"a", "c1", {{2, 0.5, 0.1}, 0.6}}}}}};
  const std::string svg = DrawBars(bars);
  EXPECT_THAT(svg, HasSubstr("T&lt;"));
  EXPECT_THAT(svg, HasSubstr("class=\"whisker\""));
  EXPECT_THAT(svg, HasSubstr("class=\"paper\""));
  EXPECT_THAT(svg, HasSubstr("0.5000 ± 0.1000"));
  bars.groups[0].bars[0].value = {{1, 0, 0}, std::nullopt};
  EXPECT_THAT(DrawBars(bars), Not(HasSubstr("nan")));

  LineChart lines;
  lines.x_values = {2, 4};
  lines.lines = {{"one", "c1", {{2, 5, ""}, {4, 5, ""}}}};
  EXPECT_THAT(DrawLines(lines), Not(HasSubstr("nan")));
  lines.x_values.clear();
  lines.lines[0].points = {{1, 1, "k = 2"}, {1, 1, "k = 4"}};
  EXPECT_THAT(DrawLines(lines), Not(HasSubstr("nan")));
}

explainer::v1::DictionaryScore* AddRead(explainer::v1::Evaluation& evaluation,
                                        explainer::v1::DictionaryScore::Kind kind,
                                        double correlation) {
  auto* score = evaluation.add_dictionaries();
  score->set_kind(kind);
  score->set_fvu(.03);
  score->set_active_count(88);
  (*score->mutable_last_read_correlations())["genre"] = correlation;
  for (const char* value : {"Western", "Drama"}) {
    auto* fit = score->add_attributes();
    fit->set_key("genre");
    fit->set_value(value);
    fit->mutable_last_read()->set_correlation(correlation);
    fit->mutable_last_read()->set_auc(.9);
  }
  auto* other = score->add_attributes();
  other->set_key("decade");
  other->set_value("1990s");
  return score;
}

TEST(FirstBlockTest, TablesSetTheSaeBesideRawDimensionsRandomOnesAndThePaper) {
  explainer::v1::Evaluation evaluation;
  AddRead(evaluation, explainer::v1::DictionaryScore::KIND_TRAINED, .7);
  AddRead(evaluation, explainer::v1::DictionaryScore::KIND_RAW, .4);
  AddRead(evaluation, explainer::v1::DictionaryScore::KIND_RANDOM, .2);
  ordered_json cell = FirstBlockJson(concept_store::v1::Sae(), evaluation);
  cell["dataset"] = "ml-1m";
  cell["recommender"] = "gpt";
  cell["method"] = kPublishedMethod;
  cell["seed"] = 1;
  const std::vector<ResultTable> tables = MakeTables({cell});
  ASSERT_THAT(tables, SizeIs(2));
  EXPECT_EQ(tables[0].study, "klenitskiy");
  ASSERT_THAT(tables[0].rows, SizeIs(1));
  const Value* explained = tables[0].Find(tables[0].rows[0], "explained");
  ASSERT_NE(explained, nullptr);
  EXPECT_DOUBLE_EQ(explained->measured.mean, .97);
  EXPECT_EQ(explained->paper, .971);
  EXPECT_EQ(tables[0].Find(tables[0].rows[0], "raw")->measured.mean, .4);
  // One row a genre; the decade is none.
  ASSERT_THAT(tables[1].rows, SizeIs(2));
  EXPECT_EQ(tables[1].rows[1].labels.back(), "Western");
  EXPECT_EQ(tables[1].Find(tables[1].rows[1], "r")->paper, .761);
  EXPECT_EQ(tables[1].Find(tables[1].rows[1], "auc_raw")->measured.mean, .9);
  EXPECT_EQ(CommandOf("klenitskiy", {cell}, ""),
            "recsae reproduce klenitskiy --out DIR --dataset ml-1m --recommender gpt --seed 1");
}

TEST(CommandOfTest, CanBeTyped) {
  const Cells cells = {RecommenderCell(1, .1), RecommenderCell(2, .1), CellOf("ecf", "x", 1)};
  EXPECT_EQ(CommandOf("table3", cells, "--sae-epochs 2"),
            "recsae reproduce table3 --out DIR --dataset ml-1m-recsae --recommender bprmf --seed "
            "1,2 --sae-epochs 2");
}

TEST(MakePageTest, IsWholeAndRefersToNothingOutside) {
  const std::string page =
      MakePage({RecommenderCell(1, 0.08), SaeCell("random", 1, 0.1), SaeCell("sae", 1, 0.9)}, "");
  EXPECT_THAT(page, HasSubstr("<!doctype html>"));
  EXPECT_THAT(page, HasSubstr("</html>"));
  EXPECT_THAT(page, HasSubstr("star trek"));
  EXPECT_THAT(page, HasSubstr("recsae reproduce table3"));
  EXPECT_THAT(page, HasSubstr("A | B &amp; &lt;C&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, HasSubstr("<b>0.50</b> described R²@3"));
  EXPECT_THAT(page, HasSubstr("<b>800</b> verified concepts"));
  EXPECT_THAT(page, HasSubstr("(paper's protocol, statistical judge)"));
  EXPECT_FALSE(std::regex_search(page, std::regex("(src|href)=\"[^#]|url\\(|@import|https?:")));
  EXPECT_THAT(MakePage({}, ""), HasSubstr("Nothing is measured yet"));
}

}  // namespace
}  // namespace recsae::cli
