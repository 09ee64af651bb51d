#include "services/explainer/evidence/compare.h"

#include <gtest/gtest.h>

#include "tests/unit/explainer/evidence/planted.h"

namespace recsae::explainer {
namespace {

Comparison Compare(const Sample& sample, const PredictionHead& head, const ItemSets& sets) {
  const sae::SaeModel model = AxesModel();
  return *CompareDictionaries(sample, sets, head, model, CompareOptions(), Always);
}

TEST(CompareTest, ADictionaryOfThePlantedKindsBeatsRandomOnes) {
  const PredictionHead head = PlantedHead(true, 1);
  const Comparison comparison = Compare(PlantedSample(head, 900, 1), head, PlantedSets());
  ASSERT_EQ(comparison.dictionaries.size(), 5u);
  EXPECT_EQ(comparison.dictionaries[0].kind, DictionaryKind::kTrained);
  EXPECT_EQ(comparison.attributes, kKinds);
  EXPECT_GT(comparison.dictionaries[0].Shown(), 0.6);
  EXPECT_NEAR(comparison.dictionaries[1].fvu, 0, 1e-6);
  for (const Verdict& verdict : comparison.verdicts) {
    if (verdict.control != DictionaryKind::kRandom || !verdict.against_control) continue;
    EXPECT_TRUE(verdict.beaten) << verdict.reason;
    EXPECT_EQ(verdict.reason, "");
  }
}

// The same users and SAE, but items whose vectors have nothing to do with their kinds.
TEST(CompareTest, WhereAttributesMeanNothingNothingIsDescribed) {
  const PredictionHead head = PlantedHead(false, 2);
  const Comparison comparison = Compare(PlantedSample(head, 1500, 2, false), head, PlantedSets());
  EXPECT_LT(comparison.dictionaries[0].Shown(), 0.06);
  EXPECT_LT(comparison.dictionaries[0].RandomItems(), 0.06);
  EXPECT_FALSE(comparison.verdicts[0].against_control);
  EXPECT_FALSE(comparison.verdicts[0].beaten);
  EXPECT_NE(comparison.verdicts[0].reason.find("untrained recommender"), std::string::npos);
}

TEST(CompareTest, OneSeedGivesOneComparison) {
  const PredictionHead head = PlantedHead(true, 1);
  const Sample sample = PlantedSample(head, 400, 1);
  const Comparison a = Compare(sample, head, PlantedSets());
  const Comparison b = Compare(sample, head, PlantedSets());
  for (size_t i = 0; i < a.dictionaries.size(); ++i) {
    EXPECT_EQ(a.dictionaries[i].described->shown, b.dictionaries[i].described->shown);
    EXPECT_EQ(a.dictionaries[i].breadth, b.dictionaries[i].breadth);
  }
}

TEST(CompareTest, SaysWhyThereIsNone) {
  const PredictionHead head = PlantedHead(true, 1);
  EXPECT_NE(Compare(PlantedSample(head, 30, 1), head, PlantedSets()).missing.find("too few rows"),
            std::string::npos);
  const std::vector<ItemText> nameless(static_cast<size_t>(head.items()));
  const ItemSets none = *ItemSets::Create(nameless, {}, ItemSetOptions(), Always);
  EXPECT_NE(Compare(PlantedSample(head, 900, 1), head, none).missing.find("no attribute"),
            std::string::npos);
}

DictionaryScore ScoreOf(DictionaryKind kind, double described, double breadth) {
  DictionaryScore score;
  score.kind = kind;
  score.latents = 100;
  score.described.emplace();
  score.described->shown = {described, described, described, described};
  score.described->random = score.described->shown;
  score.breadth = breadth;
  score.attributes.resize(1);
  return score;
}

TEST(CompareTest, TheVerdictNamesEachControlThatIsNotBeaten) {
  const std::vector<Verdict> beaten = Judge(
      {ScoreOf(DictionaryKind::kTrained, .5, .7), ScoreOf(DictionaryKind::kComponents, .4, .4)},
      100'000);
  for (const Verdict& verdict : beaten) EXPECT_TRUE(verdict.beaten) << verdict.reason;

  const std::vector<Verdict> broad = Judge(
      {ScoreOf(DictionaryKind::kTrained, .4, .7), ScoreOf(DictionaryKind::kComponents, .39, .4)},
      100'000);
  EXPECT_FALSE(broad[1].beaten);  // not by 5 %
  EXPECT_NE(broad[1].reason.find("broad directions"), std::string::npos);
  EXPECT_TRUE(broad[3].beaten);

  const std::vector<Verdict> few = Judge(
      {ScoreOf(DictionaryKind::kTrained, .3, .3), ScoreOf(DictionaryKind::kRaw, .2, .4)}, 900);
  EXPECT_TRUE(few[1].beaten);
  EXPECT_FALSE(few[3].beaten);
  EXPECT_NE(few[3].reason.find("900 distinct activations for 100 latents"), std::string::npos);
}

TEST(CompareTest, WithoutAttributesThereIsNoVerdictOnBreadth) {
  DictionaryScore trained = ScoreOf(DictionaryKind::kTrained, .5, 0);
  trained.attributes.clear();
  for (const Verdict& verdict : Judge({trained, ScoreOf(DictionaryKind::kRaw, .2, 0)}, 100'000)) {
    EXPECT_NE(verdict.measure, Verdict::Measure::kBreadth);
    EXPECT_TRUE(verdict.beaten);
  }
}

TEST(CompareTest, PopularityCountsHistories) {
  Sample sample(1, {10, 10, 10}, 0);
  const float x = 1;
  Case row;
  row.ranked = {0};
  row.history = {2, 2, 1};
  sample.Add({&x, 1}, row);
  EXPECT_EQ(PopularityOf(sample, 4), (std::vector<double>{0, 1, 2, 0}));
  EXPECT_TRUE(PopularityOf(Sample(1, {1, 1, 1}, 0), 4).empty());
}

}  // namespace
}  // namespace recsae::explainer
