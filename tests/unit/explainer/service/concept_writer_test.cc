// What of a latent's evidence fits a concept.
#include "services/explainer/jobs/concept_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::explainer {
namespace {

using ::testing::SizeIs;

constexpr int kItems = 40;
constexpr int kEvidence = 10;
constexpr size_t kStoreTakes = 64 << 10;

// A concept of a latent that fired in ten cases of ten items each, whose ids have so many bytes.
concept_store::v1::Concept Make(size_t id_bytes, const LatentResult& judged = {}) {
  LoadedRecommender recommender;
  for (int i = 0; i < kItems; ++i) {
    std::string id = absl::StrCat("https://shop.example/items/", i, "/");
    id.resize(std::max(id.size(), id_bytes), 'x');
    recommender.item_ids.push_back(id);
    recommender.texts.push_back({absl::StrCat("item ", i), {}});
  }
  const ItemFeatures features(recommender.texts);
  const ItemSets sets =
      *ItemSets::Create(recommender.texts, {}, {}, [] { return absl::OkStatus(); });
  CaseTable cases(1);
  LatentResult result = judged;
  result.outcome = LatentResult::Outcome::kDescribed;
  for (int row = 0; row < kEvidence; ++row) {
    Case one;
    one.row = row;
    one.ranked = {row};
    for (int i = 0; i < 12; ++i) one.history.push_back(20 + i);
    const std::vector<sae::LatentActivation> code = {{0, static_cast<float>(kEvidence - row)}};
    cases.Add(one, code);
    result.evidence.push_back({row, static_cast<float>(kEvidence - row)});
  }
  cases.Finish();
  return MakeConcept(
      {"saes/s", {"recommenders/r/captures/test"}, recommender, features, sets, cases}, 0, result);
}

TEST(ConceptWriterTest, KeepsAllEvidenceOfOrdinaryIds) {
  const auto made = Make(10);
  ASSERT_THAT(made.evidence(), SizeIs(kEvidence));
  for (const auto& evidence : made.evidence()) EXPECT_THAT(evidence.history_item_ids(), SizeIs(10));
}

// Ten cases of eleven ids of 1,000 bytes are 110 KB.
TEST(ConceptWriterTest, DropsTheWeakestEvidenceWhereIdsAreLong) {
  const auto made = Make(1000);
  EXPECT_LE(made.ByteSizeLong(), kStoreTakes - 1024);
  ASSERT_THAT(made.evidence(), SizeIs(5));
  for (int i = 0; i < made.evidence_size(); ++i) {
    EXPECT_EQ(made.evidence(i).row(), i);
    EXPECT_THAT(made.evidence(i).history_item_ids(), SizeIs(10));
  }
}

// Of one case alone, the oldest of the history go.
TEST(ConceptWriterTest, DropsTheOldestOfTheHistoryOfTheLastCase) {
  const auto made = Make(10'000);
  EXPECT_LE(made.ByteSizeLong(), kStoreTakes - 1024);
  ASSERT_THAT(made.evidence(), SizeIs(1));
  ASSERT_THAT(made.evidence(0).history_item_ids(), SizeIs(5));
  EXPECT_TRUE(made.evidence(0).history_item_ids(4).starts_with("https://shop.example/items/31/"));
  EXPECT_FALSE(made.evidence(0).recommended_item_id().empty());
}

// Tested, and judged by a language model, which found its own words better.
LatentResult Judged(bool passed) {
  LatentResult result;
  result.tests.emplace();
  result.tests->predictive.correlation = 0.8;
  result.tests->predictive.passed = passed;
  result.language.judged = {{"what the model says", true, {}, 0}, {"Horror", false, {}, 0}};
  return result;
}

TEST(ConceptWriterTest, WordsThatNobodyTestedHaveNoTests) {
  const auto made = Make(10, Judged(false));
  EXPECT_EQ(made.description(), "what the model says");
  EXPECT_EQ(made.source(), concept_store::v1::Concept::SOURCE_LANGUAGE_MODEL);
  EXPECT_FALSE(made.has_tests());
}

TEST(ConceptWriterTest, WhatPassedItsTestsStays) {
  const auto made = Make(10, Judged(true));
  EXPECT_NE(made.description(), "what the model says");
  EXPECT_EQ(made.source(), concept_store::v1::Concept::SOURCE_STATISTICAL_LABELER);
  EXPECT_TRUE(made.tests().verified());
  EXPECT_THAT(made.descriptions(), SizeIs(2));
}

}  // namespace
}  // namespace recsae::explainer
