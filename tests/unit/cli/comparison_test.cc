#include "clients/cli/render/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace recsae::cli {
namespace {

using explainer::v1::DictionaryScore;
using explainer::v1::Evaluation;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

void AddDictionary(Evaluation& evaluation, DictionaryScore::Kind kind, double described) {
  DictionaryScore* score = evaluation.add_dictionaries();
  score->set_kind(kind);
  score->set_latent_count(512);
  score->set_k(8);
  score->mutable_shown()->set_at_3(described);
  score->set_breadth(described + 0.1);
  auto* fit = score->add_attributes();
  fit->set_key("genre");
  fit->set_value("Horror");
  fit->set_latent(7);
  fit->set_correlation(described);
}

void AddVerdict(Evaluation& evaluation, DictionaryScore::Kind control, double trained,
                double reference, bool beaten, const std::string& reason) {
  auto* verdict = evaluation.add_verdicts();
  verdict->set_control(control);
  verdict->set_measure("described_r2@3");
  verdict->set_trained(trained);
  verdict->set_reference(reference);
  verdict->set_beaten(beaten);
  verdict->set_reason(reason);
}

Evaluation Beaten() {
  Evaluation evaluation;
  evaluation.mutable_comparison()->set_distinct_activation_count(6032);
  AddDictionary(evaluation, DictionaryScore::KIND_TRAINED, .5);
  AddDictionary(evaluation, DictionaryScore::KIND_RAW, .1);
  AddDictionary(evaluation, DictionaryScore::KIND_COMPONENTS, .4);
  AddVerdict(evaluation, DictionaryScore::KIND_UNSPECIFIED, .5, .1, true, "");
  AddVerdict(evaluation, DictionaryScore::KIND_RAW, .5, .1, true, "");
  AddVerdict(evaluation, DictionaryScore::KIND_COMPONENTS, .5, .4, true, "");
  return evaluation;
}

TEST(ComparisonTest, WhereEveryControlIsBeatenTheClosestIsNamed) {
  EXPECT_THAT(VerdictLines(Beaten()),
              ElementsAre("✓ the SAE beats every control; the closest: described_r2@3 0.500 "
                          "against 0.400 of components"));
}

TEST(ComparisonTest, EachControlThatIsNotBeatenIsNamedWithTheReason) {
  Evaluation evaluation = Beaten();
  AddVerdict(evaluation, DictionaryScore::KIND_EXEMPLARS, .5, .6, false, "too few latents");
  EXPECT_THAT(VerdictLines(evaluation),
              ElementsAre("✗ described_r2@3 0.500 against 0.600 of exemplars: too few latents"));
}

TEST(ComparisonTest, ALeadOfLessThanFivePercentIsSaid) {
  Evaluation evaluation = Beaten();
  AddVerdict(evaluation, DictionaryScore::KIND_EXEMPLARS, .5, .49, false, "too few latents");
  EXPECT_THAT(VerdictLines(evaluation),
              ElementsAre("✗ described_r2@3 0.500 against 0.490 of exemplars, ahead by less than 5 "
                          "%: too few latents"));
}

TEST(ComparisonTest, NoLeadIsSaidOfTheLeastOrBelowNothing) {
  Evaluation evaluation = Beaten();
  AddVerdict(evaluation, DictionaryScore::KIND_EXEMPLARS, -.1, -.2, false, "worse than the mean");
  AddVerdict(evaluation, DictionaryScore::KIND_RAW, .5, .5, false, "as good");
  EXPECT_THAT(VerdictLines(evaluation), Each(Not(HasSubstr("ahead"))));
}

TEST(ComparisonTest, AMissingComparisonSaysWhy) {
  Evaluation evaluation;
  evaluation.mutable_comparison()->set_missing("no attributes");
  EXPECT_THAT(VerdictLines(evaluation), ElementsAre(HasSubstr("no attributes")));
  EXPECT_TRUE(DictionaryTable(evaluation).empty());
  EXPECT_TRUE(AttributeFitTable(evaluation, 5).empty());
  nlohmann::ordered_json json;
  AddComparison(evaluation, json);
  EXPECT_EQ(json.dump(), R"({"comparison":{"missing":"no attributes"}})");
}

TEST(ComparisonTest, AServerThatDoesNotCompareAddsNothing) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  AddComparison(Evaluation(), json);
  EXPECT_EQ(json.dump(), "{}");
  EXPECT_TRUE(VerdictLines(Evaluation()).empty());
}

TEST(ComparisonTest, TheReportHasAFigureForEachDictionary) {
  nlohmann::ordered_json json;
  AddComparison(Beaten(), json);
  EXPECT_EQ(json["described_r2"]["trained"]["3"], .5);
  EXPECT_EQ(json["described_r2"]["pca"]["3"], .4);
  EXPECT_EQ(json["described_r2_random_items"]["raw"]["1"], 0);
  EXPECT_EQ(json["breadth"]["raw"], .2);
  EXPECT_EQ(json["verdicts"].size(), 3u);
  EXPECT_EQ(json["verdicts"][0]["control"], "least");
  EXPECT_EQ(json["verdicts"][2]["control"], "pca");
  EXPECT_EQ(json["comparison"]["distinct_activations"], 6032);
}

TEST(ComparisonTest, TablesHaveAColumnForEachDictionaryAndRawsBesideTheSae) {
  const std::string dictionaries = DictionaryTable(Beaten()).Render(0, false);
  EXPECT_THAT(dictionaries, HasSubstr("SAE 512/8"));
  EXPECT_THAT(dictionaries, HasSubstr("components 512/8"));
  const std::string fits = AttributeFitTable(Beaten(), 5).Render(0, false);
  EXPECT_THAT(fits, HasSubstr("genre Horror"));
  EXPECT_THAT(fits, HasSubstr("0.100"));
}

// Lines of a table, runs of blanks as one.
std::vector<std::string> Lines(const Table& table) {
  std::vector<std::string> lines = absl::StrSplit(table.Render(0, false), '\n', absl::SkipEmpty());
  for (std::string& line : lines) absl::RemoveExtraAsciiWhitespace(&line);
  return lines;
}

TEST(ComparisonTest, DescribedR2HasThreeLinesForTheItemsShownAndForRandomOnes) {
  Evaluation evaluation;
  DictionaryScore* trained = evaluation.add_dictionaries();
  trained->set_kind(DictionaryScore::KIND_TRAINED);
  trained->mutable_shown()->set_at_1(.25);
  trained->mutable_shown()->set_at_3(.5);
  trained->mutable_shown()->set_at_5(.625);
  trained->mutable_random_items()->set_at_1(.125);
  trained->mutable_random_items()->set_at_3(.25);
  trained->mutable_random_items()->set_at_5(.375);
  trained->mutable_splitting()->set_attribute_count(7);
  trained->mutable_splitting()->set_latents_per_attribute(1.5);
  trained->mutable_splitting()->set_missed_share(.25);
  trained->mutable_splitting()->set_absorption_rate(.125);
  trained->mutable_splitting()->set_absorbed_share(.375);
  DictionaryScore* raw = evaluation.add_dictionaries();
  raw->set_kind(DictionaryScore::KIND_RAW);
  raw->mutable_shown()->set_at_3(.75);
  EXPECT_THAT(
      Lines(DictionaryTable(evaluation)),
      ElementsAre("DESCRIBED R² SAE 0/0 raw dimensions 0/0", "items shown, 1 latent 0.250 0.000",
                  "3 latents 0.500 0.750", "5 latents 0.625 0.000",
                  "random items, 1 latent 0.125 –", "3 latents 0.250 –", "5 latents 0.375 –",
                  "breadth 0.000 0.000", "FVU 0.000 0.000", "latents per attribute 1.500 –",
                  "attribute missed 0.250 –", "missed and absorbed 0.125 –",
                  "absorbed of the missed 0.375 –"));
}

TEST(ComparisonTest, OfAnInnerSiteTheItemReadLastAloneIsShown) {
  Evaluation evaluation;
  evaluation.mutable_comparison();
  for (const auto kind : {DictionaryScore::KIND_TRAINED, DictionaryScore::KIND_RAW}) {
    DictionaryScore* score = evaluation.add_dictionaries();
    score->set_kind(kind);
    auto* fit = score->add_attributes();
    fit->set_key("genre");
    fit->set_value("Horror");
    fit->mutable_last_read()->set_latent(5);
    fit->mutable_last_read()->set_correlation(kind == DictionaryScore::KIND_RAW ? .25 : .75);
    fit->mutable_last_read()->set_auc(.875);
    (*score->mutable_last_read_correlations())["genre"] = .5;
  }
  EXPECT_THAT(Lines(LastReadTable(evaluation, 5)).back(),
              "genre Horror #5 0.750 0.875 0.000 0.000 0.000 0.250 –");
  EXPECT_THAT(Lines(DictionaryTable(evaluation)), Each(Not(HasSubstr("breadth"))));
  EXPECT_TRUE(LastReadTable(Beaten(), 5).empty());
  nlohmann::ordered_json json;
  AddComparison(evaluation, json);
  EXPECT_EQ(json["last_read"]["genre"]["raw"], .5);
  EXPECT_FALSE(json.contains("described_r2"));
}

TEST(ComparisonTest, WhatNoDictionaryHasHasNoLineAndAMissingRawCellIsADash) {
  Evaluation evaluation;
  AddDictionary(evaluation, DictionaryScore::KIND_TRAINED, .5);
  EXPECT_THAT(Lines(DictionaryTable(evaluation)), Each(Not(HasSubstr("random items"))));
  EXPECT_THAT(Lines(DictionaryTable(evaluation)), Each(Not(HasSubstr("attribute"))));
  EXPECT_THAT(Lines(AttributeFitTable(evaluation, 5)).back(),
              "genre Horror #7 0.500 0.000 0.000 0.000 – – –");
}

}  // namespace
}  // namespace recsae::cli
