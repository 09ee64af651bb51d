#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "clients/cli/bench/results.h"

namespace recsae::cli::bench {
namespace {

Outcome Made(const std::string& name, uint64_t seed, double f1, double pursued) {
  Outcome outcome{name, seed, {}, 0, 1.5, 2.5};
  outcome.readings.push_back({"own", {}});
  outcome.readings.push_back({"pursuit", {}});
  outcome.readings[0].scores.f1 = f1;
  outcome.readings[1].scores.f1 = pursued;
  outcome.readings[0].scores.dead = 7;
  return outcome;
}

TEST(Results, OneSeedHasNoSpread) {
  const std::string text = ResultsTable({Made("topk", 1, 0.5, 0.25)}).Render(0, false);
  EXPECT_NE(text.find("0.500"), std::string::npos) << text;
  EXPECT_NE(text.find("0.250"), std::string::npos) << text;
  EXPECT_EQ(text.find("±"), std::string::npos) << text;
}

TEST(Results, SeedsAreOneLineWithMeanAndDeviation) {
  const std::string text = ResultsTable({Made("topk", 1, 0.5, 0.1), Made("relu", 1, 0.2, 0.2),
                                         Made("topk", 2, 0.7, 0.1)})
                               .Render(0, false);
  // (.5 − .6)² + (.7 − .6)² by 2 − 1.
  EXPECT_NE(text.find("0.600 ± 0.141"), std::string::npos) << text;
  EXPECT_NE(text.find("0.100 ± 0.000"), std::string::npos) << text;
  // Titles, two dictionaries, two readings each.
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5) << text;
  EXPECT_LT(text.find("topk"), text.find("relu"));
}

TEST(Results, JsonHasEverySeedAndTheSettings) {
  StudySettings settings;
  settings.latents = 64;
  settings.k = 4;
  settings.train_samples = 1000;
  settings.learning_rate = 0.5;
  const auto json = ResultsJson(*FindPreset("small"), settings,
                                {Made("topk", 1, 0.5, 0.1), Made("topk", 2, 0.7, 0.2)});
  EXPECT_EQ(json["preset"], "small");
  EXPECT_EQ(json["learningRate"], 0.5);
  EXPECT_EQ(json["matryoshka"], (std::vector<int>{2, 8, 32}));
  ASSERT_EQ(json["results"].size(), 4u);
  EXPECT_EQ(json["results"][3]["seed"], 2);
  EXPECT_EQ(json["results"][3]["readBy"], "pursuit");
  EXPECT_EQ(json["results"][2]["f1"], 0.7);
  EXPECT_EQ(json["results"][2]["dead"], 7);
  EXPECT_EQ(json["results"][2]["trainSeconds"], 2.5);
}

}  // namespace
}  // namespace recsae::cli::bench
