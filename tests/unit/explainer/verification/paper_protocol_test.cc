#include "services/explainer/verification/paper_protocol.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "services/explainer/verification/firing.h"

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

class PaperProtocolTest : public ::testing::Test {
 protected:
  struct Setting {
    CaseTable cases = Cases();
    ItemFeatures features{Items()};
    std::vector<PaperResult> results = RunPaperProtocol(cases, features, {}, Silent).value();
  };
  static void SetUpTestSuite() { setting_.emplace(); }
  static void TearDownTestSuite() { setting_.reset(); }

  static const PaperResult& Of(int latent) {
    return setting_->results[static_cast<size_t>(latent)];
  }
  static std::optional<Setting> setting_;
};
std::optional<PaperProtocolTest::Setting> PaperProtocolTest::setting_;

TEST_F(PaperProtocolTest, LatentsWithAMeaningAreNamedAndPredicted) {
  ASSERT_EQ(setting_->results.size(), static_cast<size_t>(kLatents));
  double control = 0;
  for (int latent = 0; latent < kGenres; ++latent) {
    const PaperResult& result = Of(latent);
    ASSERT_FALSE(result.description.terms.empty());
    EXPECT_EQ(setting_->features.feature(result.description.terms[0].feature).text,
              "g" + std::to_string(latent));
    EXPECT_GE(result.own.Confidence(), 0.7);
    EXPECT_EQ(result.own.cases(), 10);
    EXPECT_EQ(result.control.cases(), 10);
    control += result.control.Confidence() / kGenres;
  }
  EXPECT_LT(control, 0.6) << "descriptions of other latents, which say something else";
}

TEST_F(PaperProtocolTest, LatentsThatFireAtRandomAreNotPredicted) {
  double own = 0;
  for (int latent = kGenres; latent < 2 * kGenres; ++latent) {
    own += Of(latent).own.Confidence() / kGenres;
  }
  EXPECT_LT(own, 0.65);
}

TEST_F(PaperProtocolTest, LatentsThatFireTooRarelyHaveNeitherDescriptionNorScore) {
  for (const int latent : {kLatents - 2, kLatents - 1}) {
    EXPECT_TRUE(Of(latent).description.terms.empty());
    EXPECT_EQ(Of(latent).description.text, "");
    EXPECT_EQ(Of(latent).own.cases(), 0);
    EXPECT_EQ(Of(latent).own.Confidence(), 0);
  }
}

TEST_F(PaperProtocolTest, TheSameSeedGivesTheSameResultAndAnotherDoesNot) {
  const std::vector<PaperResult> again =
      RunPaperProtocol(setting_->cases, setting_->features, {}, Silent).value();
  PaperOptions options;
  options.selection.seed = 1;
  const std::vector<PaperResult> other =
      RunPaperProtocol(setting_->cases, setting_->features, options, Silent).value();
  ASSERT_EQ(again.size(), setting_->results.size());
  int differ = 0;
  for (size_t i = 0; i < again.size(); ++i) {
    const PaperResult& result = setting_->results[i];
    EXPECT_EQ(again[i].description.text, result.description.text);
    EXPECT_EQ(again[i].description.threshold, result.description.threshold);
    EXPECT_EQ(again[i].own.correct(), result.own.correct());
    EXPECT_EQ(again[i].control.correct(), result.control.correct());
    differ += other[i].description.threshold != result.description.threshold ? 1 : 0;
  }
  EXPECT_GT(differ, kGenres);
}

TEST_F(PaperProtocolTest, ProgressRisesToAllAndStopsTheWork) {
  int last = 0;
  int calls = 0;
  ASSERT_TRUE(RunPaperProtocol(setting_->cases, setting_->features, {}, [&](int done, int total) {
                EXPECT_GE(done, last);
                EXPECT_EQ(total, kLatents);
                last = done;
                ++calls;
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(last, kLatents);
  for (const int stop : {1, 2, calls / 2, calls}) {
    int asked = 0;
    const auto stopped = RunPaperProtocol(setting_->cases, setting_->features, {}, [&](int, int) {
      return ++asked == stop ? absl::CancelledError("enough") : absl::OkStatus();
    });
    EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(asked, stop);
  }
}

TEST(PaperProtocolEdgeTest, NoCasesAtAll) {
  CaseTable cases(4);
  cases.Finish();
  const ItemFeatures features(std::vector<ItemText>{});
  const auto results = RunPaperProtocol(cases, features, {}, Silent);
  ASSERT_TRUE(results.ok());
  ASSERT_EQ(results->size(), 4u);
  for (const PaperResult& result : *results) EXPECT_EQ(result.own.cases(), 0);
}

// Of the first latents alone, 600 cases of one genre each: others say something else.
std::vector<PaperResult> RunOn(int latents, uint64_t seed) {
  CaseTable cases(latents);
  std::mt19937 random(3);
  for (int i = 0; i < 600; ++i) {
    const int genre = i % kGenres;
    Case made;
    made.row = i;
    made.user = i;
    for (int j = 0; j < 5; ++j) {
      made.ranked.push_back(
          static_cast<int32_t>(genre * kItemsPerGenre + random() % kItemsPerGenre));
    }
    std::vector<sae::LatentActivation> code;
    if (genre < latents) code.push_back({genre, 1.0f + static_cast<float>(random() % 100) / 50});
    cases.Add(std::move(made), code);
  }
  cases.Finish();
  PaperOptions options;
  options.selection.seed = seed;
  return *RunPaperProtocol(cases, ItemFeatures(Items()), options, Silent);
}

TEST(PaperProtocolEdgeTest, TheControlIsAnotherLatentsWhereThereIsOne) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (const int latents : {1, 2, 3}) {
      for (const PaperResult& result : RunOn(latents, seed)) {
        EXPECT_EQ(result.own.cases(), 10);
        EXPECT_EQ(result.own.true_positives, 5);
        EXPECT_EQ(result.control.cases(), latents == 1 ? 0 : 10);
        EXPECT_EQ(result.control.true_positives, 0) << "of " << latents << ", seed " << seed;
      }
    }
  }
}

TEST(TallyTest, CountsRightAndWrongAnswers) {
  const Tally tally{3, 1, 4, 2};
  EXPECT_EQ(tally.cases(), 10);
  EXPECT_DOUBLE_EQ(tally.Confidence(), 0.7);
  EXPECT_DOUBLE_EQ(tally.Precision(), 0.75);
  EXPECT_DOUBLE_EQ(tally.Recall(), 0.6);
  EXPECT_EQ(Tally().Confidence(), 0);
  EXPECT_EQ(Tally().Precision(), 0);
  EXPECT_EQ(Tally().Recall(), 0);
}

TEST(FiringTest, StatisticsAreOfTheCasesOnWhichALatentFires) {
  CaseTable cases(2);
  for (const float activation : {0.5f, 0.0f, 4.0f, 1.5f, 0.0f, -2.0f}) {
    Case made;
    made.ranked = {0};
    cases.Add(std::move(made), std::vector<sae::LatentActivation>{{1, activation}});
  }
  cases.Finish();
  const FiringStatistics firing = FiringOf(cases, 1);
  EXPECT_EQ(firing.rows, 6);
  EXPECT_EQ(firing.active_rows, 3);
  EXPECT_DOUBLE_EQ(firing.mean, 2);
  EXPECT_DOUBLE_EQ(firing.standard_deviation, std::sqrt((1.5 * 1.5 + 4 + 0.25) / 3));
  EXPECT_EQ(firing.max, 4);
  EXPECT_EQ(IntensityLevel(4, firing), 10);
  EXPECT_EQ(IntensityLevel(0.2, firing), 1);
  EXPECT_EQ(IntensityLevel(2.1, firing), 6);
  EXPECT_EQ(IntensityLevel(0, firing), 0);
  const FiringStatistics dead = FiringOf(cases, 0);
  EXPECT_EQ(dead.rows, 6);
  EXPECT_EQ(dead.active_rows, 0);
  EXPECT_TRUE(dead.level_thresholds.empty());
}

}  // namespace
}  // namespace recsae::explainer
