#include "services/explainer/labeling/item_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace recsae::explainer {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> TextsOf(const ItemFeatures& features, int item, const std::string& kind) {
  std::vector<std::string> texts;
  for (const int32_t id : features.Of(item)) {
    if (features.feature(id).kind == kind) texts.push_back(features.feature(id).text);
  }
  return texts;
}

TEST(ItemFeaturesCreateTest, EndsWhenNobodyWantsItAnyMore) {
  const std::vector<ItemText> items(10'000, {"Star Trek", {{"genre", "Sci-Fi"}}});
  int asked = 0;
  const auto gone = [&] { return ++asked == 3 ? absl::CancelledError("gone") : absl::OkStatus(); };
  EXPECT_EQ(ItemFeatures::Create(items, gone).status().message(), "gone");
  EXPECT_EQ(asked, 3);
}

class ItemFeaturesTest : public ::testing::Test {
 protected:
  const std::vector<ItemText> items_ = {
      {"Star Trek: First Contact (1996)", {{"genre", "Sci-Fi"}, {"decade", "1990s"}}},
      {"Star Trek: The Wrath of Khan (1982)", {{"genre", "Sci-Fi"}, {"genre", "Action"}}},
      {"Star Wars (1977)", {{"genre", "Sci-Fi"}}},
      {"Bambi (1942)", {}},
      {"", {{"genre", "Sci-Fi"}, {"genre", "Sci-Fi"}}},
  };
  const ItemFeatures features_{items_};
};

TEST_F(ItemFeaturesTest, AttributesAreFeaturesOnceAnItem) {
  EXPECT_THAT(TextsOf(features_, 1, "genre"), ElementsAre("Action", "Sci-Fi"));
  EXPECT_THAT(TextsOf(features_, 4, "genre"), ElementsAre("Sci-Fi"));
}

TEST_F(ItemFeaturesTest, OfPhrasesOfTheSameItemsTheLongestIsKept) {
  const std::vector<std::string> words = TextsOf(features_, 0, "word");
  EXPECT_THAT(words, Contains("star trek"));
  EXPECT_THAT(words, Not(Contains("trek")));
  EXPECT_THAT(words, Contains("star")) << "three items have it, so it says something else";
}

// "rock garden" in Chinese: two words of the dictionary, written as one.
TEST(ItemFeaturesScriptsTest, PhrasesOfScriptsWithoutSpacesHaveNone) {
  const std::string garden = "\u82B1\u56ED\u65C5\u6E38";
  const std::vector<ItemText> items = {{garden + " 1", {}}, {garden + " 2", {}}};
  EXPECT_THAT(TextsOf(ItemFeatures(items), 0, "word"), ElementsAre(garden));
}

TEST_F(ItemFeaturesTest, WordsOfOneItemAreLeftToItsTitle) {
  EXPECT_THAT(TextsOf(features_, 3, "word"), IsEmpty());
  EXPECT_THAT(TextsOf(features_, 3, "title"), ElementsAre("Bambi (1942)"));
}

TEST_F(ItemFeaturesTest, ItemsOfAFeatureAreItsHolders) {
  for (int id = 0; id < features_.size(); ++id) {
    EXPECT_EQ(features_.ItemsOf(id).size(), static_cast<size_t>(features_.feature(id).items));
    for (const int32_t item : features_.ItemsOf(id)) EXPECT_THAT(features_.Of(item), Contains(id));
  }
}

TEST(ItemFeaturesEdgeTest, AnEmptyCatalogueHasNoFeatures) {
  const ItemFeatures features(std::vector<ItemText>{});
  EXPECT_EQ(features.size(), 0);
  EXPECT_EQ(features.items(), 0);
}

}  // namespace
}  // namespace recsae::explainer
