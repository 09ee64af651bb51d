#include "clients/cli/render/concepts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::Concept;
using concept_store::v1::ConceptTests;
using explainer::v1::ConceptReport;
using explainer::v1::DictionaryScore;
using explainer::v1::TestCounts;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

Concept TestedConcept() {
  Concept value;
  value.set_name("saes/movies/concepts/17");
  value.set_latent(17);
  value.set_description("well-known 1990s Horror");
  value.set_source(Concept::SOURCE_STATISTICAL_LABELER);
  ConceptTests& tests = *value.mutable_tests();
  auto& predictive = *tests.mutable_predictive();
  predictive.set_correlation(0.82);
  predictive.set_correlation_low(0.78);
  predictive.set_correlation_high(0.86);
  predictive.set_average_precision(0.7);
  predictive.set_prevalence(0.05);
  predictive.set_null_correlation(0.21);
  predictive.set_q_value(0.001);
  predictive.set_user_count(1);
  predictive.set_row_count(4000);
  predictive.set_passed(true);
  auto& specific = *tests.mutable_specific();
  specific.set_correlation(0.82);
  specific.set_nearest_latent(9);
  specific.set_nearest_correlation(0.31);
  specific.set_difference_low(0.4);
  specific.set_neighbour_count(10);
  specific.set_passed(true);
  auto& causal = *tests.mutable_causal();
  causal.set_share(0.1);
  causal.set_raised_share(0.65);
  causal.set_control_share(0.12);
  causal.set_effect_low(0.41);
  causal.set_removed_share(0.2);
  causal.set_firing_share(0.5);
  causal.set_removed_control_share(0.45);
  causal.set_user_count(50);
  causal.set_pair_count(40);
  causal.set_pair_share(0.75);
  causal.set_passed(true);
  tests.set_verified(true);
  return value;
}

std::string Shown(const Table& table) { return table.Render(0, false); }

// The line that begins with `key`; empty without one.
std::string LineOf(const Table& table, const std::string& key) {
  for (const absl::string_view line : absl::StrSplit(Shown(table), '\n')) {
    if (absl::StartsWith(line, key)) return std::string(line);
  }
  return "";
}

TEST(ConceptDetailsTest, ShowsEachTestWithItsFigures) {
  const Table details = ConceptDetails(TestedConcept());
  EXPECT_THAT(LineOf(details, "verified"), EndsWith("✓ passed every test"));
  EXPECT_THAT(
      LineOf(details, "  predictive"),
      AllOf(HasSubstr("✓ correlation 0.82 (95 %: 0.78 to 0.86; other descriptions stay below "
                      "0.21; q 0.001)"),
            HasSubstr("average precision 0.70 (chance 0.05)"),
            HasSubstr("on 4,000 rows of 1 user")));
  EXPECT_THAT(LineOf(details, "  specific"),
              HasSubstr("✓ 0.82 against 0.31 with #9, the best of 10 neighbours (difference at "
                        "least 0.40)"));
  EXPECT_THAT(LineOf(details, "  causal"),
              AllOf(HasSubstr("✓ raised, 65.0 % of the recommended are described (10.0 % before, "
                              "12.0 % with like latents raised; effect at least 41 points)"),
                    HasSubstr("removed where it fires, 20.0 % (50.0 % before, 45.0 % with another "
                              "latent removed); 50 users")));
  EXPECT_THAT(LineOf(details, "    histories"),
              EndsWith("fires more for the history with more of it in 75.0 % of 40 matched pairs"));
  EXPECT_EQ(LineOf(details, "  stable"), "");
  EXPECT_EQ(LineOf(details, "group"), "");
  EXPECT_EQ(LineOf(details, "paper's protocol"), "");
}

TEST(ConceptDetailsTest, SaysWhichTestsFailed) {
  Concept value = TestedConcept();
  value.mutable_tests()->set_verified(false);
  value.mutable_tests()->mutable_predictive()->set_passed(false);
  value.mutable_tests()->mutable_causal()->set_passed(false);
  EXPECT_THAT(LineOf(ConceptDetails(value), "verified"), EndsWith("✗ failed: predictive, causal"));
  EXPECT_THAT(LineOf(ConceptDetails(value), "  causal"), HasSubstr("✗ raised"));
  value.mutable_tests()->mutable_specific()->set_passed(false);
  value.mutable_tests()->mutable_stable()->add_matches();
  EXPECT_THAT(LineOf(ConceptDetails(value), "verified"),
              EndsWith("✗ failed: predictive, specific, causal, stable"));
  // A test that was not made did not fail.
  value.mutable_tests()->clear_specific();
  value.mutable_tests()->clear_causal();
  value.mutable_tests()->clear_stable();
  EXPECT_THAT(LineOf(ConceptDetails(value), "verified"), EndsWith("✗ failed: predictive"));
  EXPECT_EQ(LineOf(ConceptDetails(value), "  causal"), "");
  EXPECT_EQ(LineOf(ConceptDetails(value), "    histories"), "");
}

TEST(ConceptDetailsTest, WhatWasNotTestedSaysSo) {
  Concept value = TestedConcept();
  value.clear_tests();
  const Table details = ConceptDetails(value);
  EXPECT_THAT(LineOf(details, "verified"), EndsWith("not tested"));
  EXPECT_THAT(Shown(details), Not(AnyOf(HasSubstr("✓"), HasSubstr("✗"), HasSubstr("0.00"))));
}

TEST(ConceptDetailsTest, TestsAreNotOfAPersonsWords) {
  Concept value = TestedConcept();
  EXPECT_THAT(LineOf(ConceptDetails(value), "verified"), EndsWith("passed every test"));
  value.set_source(Concept::SOURCE_PERSON);
  EXPECT_THAT(LineOf(ConceptDetails(value), "verified"),
              EndsWith("passed every test (of its terms; nobody tested a person's words)"));
}

TEST(ConceptDetailsTest, WithoutPairsThereIsNothingOfHistories) {
  Concept value = TestedConcept();
  value.mutable_tests()->mutable_causal()->set_pair_count(0);
  EXPECT_EQ(LineOf(ConceptDetails(value), "    histories"), "");
}

TEST(ConceptDetailsTest, NamesTheLatentsOfOtherTrainings) {
  Concept value = TestedConcept();
  auto& stable = *value.mutable_tests()->mutable_stable();
  for (const auto& [sae, latent, cosine] :
       {std::tuple("saes/movies-2", 301, 0.91), std::tuple("saes/movies-3", 12, 0.74)}) {
    auto& match = *stable.add_matches();
    match.set_sae(sae);
    match.set_latent(latent);
    match.set_cosine(cosine);
  }
  stable.set_passed(true);
  EXPECT_THAT(LineOf(ConceptDetails(value), "  stable"),
              EndsWith("✓ cosine 0.91 with #301 of movies-2, cosine 0.74 with #12 of movies-3"));
}

TEST(ConceptDetailsTest, TellsTheGroupFromBothSides) {
  Concept value = TestedConcept();
  value.mutable_group()->set_lead_latent(17);
  value.mutable_group()->set_size(1);
  EXPECT_EQ(LineOf(ConceptDetails(value), "group"), "");
  value.mutable_group()->set_size(2);
  EXPECT_THAT(LineOf(ConceptDetails(value), "group"),
              EndsWith("stands for 1 more latent that says the same"));
  value.mutable_group()->set_size(4);
  EXPECT_THAT(LineOf(ConceptDetails(value), "group"),
              EndsWith("stands for 3 more latents that say the same"));
  value.mutable_group()->set_lead_latent(3);
  EXPECT_THAT(LineOf(ConceptDetails(value), "group"),
              EndsWith("one of 4 latents that say the same, listed by #3"));
}

TEST(ConceptDetailsTest, ThePapersConfidenceComesWithWhatItIsWorth) {
  Concept value = TestedConcept();
  value.mutable_paper_score()->set_confidence(0.9);
  value.mutable_paper_score()->set_positive_count(5);
  value.mutable_paper_score()->set_negative_count(5);
  value.mutable_paper_score()->set_description("horror; like Alien");
  EXPECT_THAT(LineOf(ConceptDetails(value), "paper's protocol"),
              AllOf(HasSubstr("confidence 0.90 by a statistical judge"), HasSubstr("5 + 5 cases"),
                    HasSubstr("raw dimensions reach as much"), HasSubstr("of: horror; like")));
}

TEST(CorrelationCellTest, MarksTheVerifiedAlone) {
  EXPECT_EQ(CorrelationCell(0.92, true).text, "0.92 ✓");
  EXPECT_EQ(CorrelationCell(0.92, true).color, Color::kGreen);
  EXPECT_EQ(CorrelationCell(0.92, false).text, "0.92  ");
  EXPECT_EQ(CorrelationCell(-0.3, false).text, "-0.30  ");
  EXPECT_EQ(CorrelationCell(0, false).text, "");  // not tested
}

TEST(ConceptTableTest, ShowsSharesAndGroups) {
  Table table = NewConceptTable();
  Concept value = TestedConcept();
  value.mutable_statistics()->set_row_count(1000);
  value.mutable_statistics()->set_active_row_count(25);
  value.mutable_group()->set_size(3);
  AddConcept(value, table);
  Concept untested;
  untested.set_latent(18);
  untested.set_description("what an earlier version said");
  AddConcept(untested, table);
  EXPECT_THAT(LineOf(table, "   #17"), AllOf(HasSubstr("0.82 ✓"), HasSubstr("2.50 %"),
                                             HasSubstr("  3  well-known 1990s Horror")));
  EXPECT_THAT(
      std::vector<std::string>(absl::StrSplit(LineOf(table, "   #18"), ' ', absl::SkipEmpty())),
      ElementsAre("#18", "what", "an", "earlier", "version", "said"));
}

void AddCounts(ConceptReport& report, DictionaryScore::Kind kind, int first) {
  TestCounts& counts = *report.add_tests();
  counts.set_kind(kind);
  counts.set_latent_count(first);
  counts.set_described_count(first - 1);
  counts.set_predictive_count(first - 2);
  counts.set_specific_count(first - 3);
  counts.set_causal_count(first - 4);
  counts.set_verified_count(first - 5);
  if (kind != DictionaryScore::KIND_TRAINED) {
    counts.mutable_paper()->set_confidence_80_count(first + 1);
    counts.mutable_paper()->set_total_count(first + 2);
  }
}

ConceptReport TestedReport() {
  ConceptReport report;
  report.set_concept_count(1009);
  report.set_group_count(700);
  report.set_verified_group_count(60);
  report.set_row_count(20000);
  report.mutable_paper()->set_confidence_100_count(8);
  report.mutable_paper()->set_confidence_80_count(112);
  report.mutable_paper()->set_total_count(900);
  report.mutable_paper_control()->set_confidence_80_count(55);
  AddCounts(report, DictionaryScore::KIND_TRAINED, 1024);
  AddCounts(report, DictionaryScore::KIND_RAW, 64);
  AddCounts(report, DictionaryScore::KIND_RANDOM, 512);
  AddCounts(report, DictionaryScore::KIND_EXEMPLARS, 256);
  return report;
}

std::vector<std::string> Words(const std::string& line) {
  return absl::StrSplit(line, ' ', absl::SkipEmpty());
}

TEST(TestTableTest, ALineForEachDictionary) {
  const Table table = TestTable(TestedReport());
  EXPECT_THAT(Words(LineOf(table, "SAE")),
              ElementsAre("SAE", "1,024", "1,023", "1,022", "1,021", "1,020", "1,019"));
  EXPECT_THAT(Words(LineOf(table, "raw dimensions")),
              ElementsAre("raw", "dimensions", "64", "63", "62", "61", "60", "59"));
  EXPECT_NE(LineOf(table, "random directions"), "");
  EXPECT_NE(LineOf(table, "exemplars"), "");
  const std::string titles = Shown(table).substr(0, Shown(table).find('\n'));
  EXPECT_THAT(titles, AllOf(HasSubstr("DESCRIBED"), HasSubstr("PREDICTIVE"), HasSubstr("SPECIFIC"),
                            HasSubstr("CAUSAL"), HasSubstr("VERIFIED")));
}

TEST(TestTableTest, IsEmptyWhereNothingWasTested) {
  EXPECT_TRUE(TestTable(ConceptReport()).empty());
}

TEST(PaperTableTest, StandsBesideShuffledAndUntrainedOnes) {
  const Table table = PaperTable(TestedReport());
  EXPECT_THAT(Shown(table), HasSubstr("THE PAPER'S PROTOCOL, STATISTICAL JUDGE"));
  EXPECT_THAT(Words(LineOf(table, "SAE")), ElementsAre("SAE", "8", "0", "112", "900"));
  EXPECT_THAT(Words(LineOf(table, "  descriptions shuffled")),
              ElementsAre("descriptions", "shuffled", "0", "0", "55", "0"));
  EXPECT_THAT(Words(LineOf(table, "raw dimensions")),
              ElementsAre("raw", "dimensions", "0", "0", "65", "66"));
  // Of the SAE it counts all rows, and once.
  EXPECT_EQ(Shown(table).find("SAE"), Shown(table).rfind("SAE"));
  ConceptReport untested = TestedReport();
  untested.clear_tests();
  EXPECT_EQ(LineOf(PaperTable(untested), "raw dimensions"), "");
}

TEST(ConceptCountsTest, HasGroupsAndWhyNothingWasTested) {
  ConceptReport report = TestedReport();
  EXPECT_THAT(LineOf(ConceptCounts(report), "groups"), EndsWith("700, 60 of them verified"));
  EXPECT_EQ(LineOf(ConceptCounts(report), "not tested"), "");
  report.set_untested("the catalogue has no sets of items");
  EXPECT_THAT(LineOf(ConceptCounts(report), "not tested"), EndsWith("no sets of items"));
  report.set_row_without_user_count(3);
  EXPECT_THAT(LineOf(ConceptCounts(report), "rows looked at"),
              EndsWith("20,000 (3 without a user, each taken as a user of its own)"));
}

TEST(AddTestsTest, HasEachDictionaryByItsName) {
  nlohmann::ordered_json json;
  AddTests(TestedReport(), json);
  EXPECT_EQ(json["verified"], 1019);
  std::vector<std::string> keys;
  for (const auto& [key, value] : json["tests"].items()) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("trained", "raw", "random", "exemplar"));
  EXPECT_EQ(json["tests"]["random"].dump(),
            R"({"latents":512,"described":511,"predictive":510,"specific":509,"causal":508,)"
            R"("verified":507,"paper_ge_0.8":513})");
  EXPECT_FALSE(json["tests"]["trained"].contains("paper_ge_0.8"));
  EXPECT_FALSE(json.contains("untested"));
}

TEST(AddTestsTest, SaysWhyThereAreNone) {
  ConceptReport report;
  report.set_untested("too few users");
  nlohmann::ordered_json json;
  AddTests(report, json);
  EXPECT_EQ(json.dump(), R"({"untested":"too few users"})");
}

}  // namespace
}  // namespace recsae::cli
