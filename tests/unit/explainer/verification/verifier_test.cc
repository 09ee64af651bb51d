#include "services/explainer/verification/verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace recsae::explainer {
namespace {

constexpr int kGenres = 30;
constexpr int kItemsPerGenre = 12;
// Latents 0..29 fire on their genre, 30..59 at random, 60 never, 61 once.
constexpr int kLatents = 2 * kGenres + 2;

std::vector<ItemText> Items() {
  std::vector<ItemText> items;
  for (int genre = 0; genre < kGenres; ++genre) {
    for (int i = 0; i < kItemsPerGenre; ++i) {
      items.push_back({"",
                       {{"genre", "g" + std::to_string(genre)},
                        {"shelf", "s" + std::to_string((genre * 7 + i) % 11)}}});
    }
  }
  return items;
}

CaseTable Cases() {
  CaseTable cases(kLatents);
  std::mt19937 random(11);
  for (int i = 0; i < 12000; ++i) {
    const auto genre = static_cast<int32_t>(random() % kGenres);
    Case made;
    made.capture = i < 3000 ? 0 : 1;
    made.row = i;
    made.user = i / 10;
    for (int j = 0; j < 10; ++j) {
      const auto shown = static_cast<int32_t>(random() % 10 < 8 ? genre : random() % kGenres);
      const auto item = static_cast<int32_t>(shown * kItemsPerGenre + random() % kItemsPerGenre);
      (j < 5 ? made.ranked : made.history).push_back(item);
    }
    std::vector<sae::LatentActivation> code = {
        {genre, 1.0f + static_cast<float>(random() % 100) / 50},
        {static_cast<int32_t>(kGenres + random() % kGenres), 1.0f}};
    if (i == 17) code.push_back({kLatents - 1, 1.0f});
    cases.Add(std::move(made), code);
  }
  cases.Finish();
  return cases;
}

absl::Status Silent(int /*done*/, int /*total*/) { return absl::OkStatus(); }

class VerifierTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cases_ = new CaseTable(Cases());
    features_ = new ItemFeatures(Items());
    results_ =
        new std::vector<LatentResult>(DescribeAndVerify(*cases_, *features_, {}, Silent).value());
  }
  static void TearDownTestSuite() {
    delete results_;
    delete features_;
    delete cases_;
  }
  static const CaseTable* cases_;
  static const ItemFeatures* features_;
  static const std::vector<LatentResult>* results_;
};
const CaseTable* VerifierTest::cases_ = nullptr;
const ItemFeatures* VerifierTest::features_ = nullptr;
const std::vector<LatentResult>* VerifierTest::results_ = nullptr;

TEST_F(VerifierTest, LatentsWithAMeaningAreNamedAndVerified) {
  int verified = 0;
  for (int latent = 0; latent < kGenres; ++latent) {
    const LatentResult& result = (*results_)[static_cast<size_t>(latent)];
    ASSERT_EQ(result.outcome, LatentResult::Outcome::kDescribed);
    EXPECT_EQ(features_->feature(result.description.terms[0].feature).text,
              "g" + std::to_string(latent));
    EXPECT_EQ(features_->feature(result.paper_description.terms[0].feature).text,
              "g" + std::to_string(latent));
    EXPECT_GE(result.paper.Confidence(), 0.7);
    EXPECT_EQ(result.paper.cases(), 10);
    EXPECT_EQ(result.extended.cases(), 100);
    EXPECT_LT(result.control_confidence, 0.6);
    verified += result.verified;
  }
  EXPECT_GE(verified, 24) << "a noise latent's description may name a genre by chance";
}

TEST_F(VerifierTest, LatentsThatFireAtRandomAreNotVerified) {
  int verified = 0;
  for (int latent = kGenres; latent < 2 * kGenres; ++latent) {
    verified += (*results_)[static_cast<size_t>(latent)].verified;
  }
  EXPECT_LE(verified, 3) << "a false-discovery rate of 5 % among about 30 discoveries";
}

TEST_F(VerifierTest, DealtDescriptionsAreNotVerified) {
  int verified = 0;
  int confident = 0;
  for (const LatentResult& result : *results_) {
    verified += result.verified_control;
    confident += result.extended_control.Confidence() >= 0.8;
  }
  EXPECT_LE(verified, 2);
  EXPECT_LE(confident, 3) << "a noise latent's description may name a genre by chance";
}

TEST_F(VerifierTest, DeadAndRareLatentsAreSaidToBeSo) {
  EXPECT_EQ((*results_)[kLatents - 2].outcome, LatentResult::Outcome::kDead);
  const LatentResult& rare = (*results_)[kLatents - 1];
  EXPECT_EQ(rare.statistics.active_rows, 1);
  EXPECT_FALSE(rare.verified);
}

TEST_F(VerifierTest, StatisticsAndEvidenceComeFromAllCases) {
  const LatentResult& result = (*results_)[0];
  const auto active = cases_->Active(0);
  EXPECT_EQ(result.statistics.rows, cases_->size());
  EXPECT_EQ(result.statistics.active_rows, static_cast<int64_t>(active.size()));
  EXPECT_EQ(result.statistics.max, active[0].activation);
  ASSERT_EQ(result.evidence.size(), 10u);
  EXPECT_EQ(result.evidence[0].index, active[0].index);
  EXPECT_EQ(IntensityLevel(result.statistics.max, result.statistics), 10);
  EXPECT_EQ(IntensityLevel(result.statistics.max * 0.05, result.statistics), 1);
  EXPECT_EQ(IntensityLevel(0, result.statistics), 0);
}

TEST_F(VerifierTest, TheSameSeedGivesTheSameResult) {
  const std::vector<LatentResult> again =
      DescribeAndVerify(*cases_, *features_, {}, Silent).value();
  ASSERT_EQ(again.size(), results_->size());
  for (size_t i = 0; i < again.size(); ++i) {
    EXPECT_EQ(again[i].description.text, (*results_)[i].description.text);
    EXPECT_EQ(again[i].extended.correct(), (*results_)[i].extended.correct());
    EXPECT_EQ(again[i].p_value, (*results_)[i].p_value);
  }
}

TEST_F(VerifierTest, StopsWhenProgressSaysSo) {
  int calls = 0;
  const auto stopped = DescribeAndVerify(*cases_, *features_, {}, [&](int, int) {
    return ++calls == 2 ? absl::CancelledError("enough") : absl::OkStatus();
  });
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 2);
}

TEST(VerifierEdgeTest, NoCasesAtAll) {
  CaseTable cases(4);
  cases.Finish();
  const ItemFeatures features(std::vector<ItemText>{});
  const auto results = DescribeAndVerify(cases, features, {}, Silent);
  ASSERT_TRUE(results.ok());
  for (const LatentResult& result : *results) {
    EXPECT_EQ(result.outcome, LatentResult::Outcome::kDead);
  }
}

}  // namespace
}  // namespace recsae::explainer
