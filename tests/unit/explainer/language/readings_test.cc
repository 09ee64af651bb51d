#include "services/explainer/language/readings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/utf8.h"

namespace recsae::explainer {
namespace {

using ::testing::ElementsAre;

TEST(ReadingsTest, TakesTheFirstLineThatHasWords) {
  EXPECT_EQ(ReadDescription("space operas"), "space operas");
  EXPECT_EQ(ReadDescription("\n\n  \"space operas\".\nand more"), "space operas");
  EXPECT_EQ(ReadDescription("**Description:** space operas"), "space operas");
  EXPECT_EQ(ReadDescription("Answer: space operas."), "space operas");
  EXPECT_EQ(ReadDescription("- 悪い映画"), "悪い映画");
  for (const char* empty : {"", "\n \n", "...", "\"\"", "Description:"}) {
    EXPECT_EQ(ReadDescription(empty), std::nullopt) << empty;
  }
  const std::string longest = ReadDescription(std::string(5000, 'x') + "ä").value();
  EXPECT_LE(longest.size(), 200U);
  EXPECT_TRUE(IsUtf8(longest));
}

TEST(ReadingsTest, TakesNumbersOfCases) {
  EXPECT_THAT(*ReadNumbers("1, 3", 3), ElementsAre(true, false, true));
  EXPECT_THAT(*ReadNumbers("Cases 2 and 3.", 3), ElementsAre(false, true, true));
  EXPECT_THAT(*ReadNumbers("none", 2), ElementsAre(false, false));
  EXPECT_THAT(*ReadNumbers(" None of them.", 2), ElementsAre(false, false));
  EXPECT_THAT(*ReadNumbers("2, 99999999999999999999, 0, 7", 2), ElementsAre(false, true));
  for (const char* nothing : {"", "I cannot say", "42", "all of them"}) {
    EXPECT_EQ(ReadNumbers(nothing, 3), std::nullopt) << nothing;
  }
}

TEST(ReadingsTest, TakesALevel) {
  EXPECT_EQ(ReadLevel("7"), 7);
  EXPECT_EQ(ReadLevel("Level: 10."), 10);
  EXPECT_EQ(ReadLevel("0"), 0);
  for (const char* nothing : {"", "high", "11", "99999999999999999999"}) {
    EXPECT_EQ(ReadLevel(nothing), std::nullopt) << nothing;
  }
}

}  // namespace
}  // namespace recsae::explainer
