#include "common/base/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recsae {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(WordsTest, LowersSplitsAndDropsApostrophes) {
  EXPECT_THAT(Words("Schindler's List (1993)"), ElementsAre("schindlers", "list", "1993"));
  EXPECT_THAT(Words("Star Trek: 1980s, sci-fi!"),
              ElementsAre("star", "trek", "1980s", "sci", "fi"));
  EXPECT_THAT(Words("Children's  Am\xC3\xA9lie"), ElementsAre("childrens", "am\xC3\xA9lie"));
  EXPECT_THAT(Words("'tis the rock 'n' roll"), ElementsAre("tis", "the", "rock", "n", "roll"));
  EXPECT_THAT(Words(" ,;-' "), IsEmpty());
}

TEST(WordsTest, PartsAreWhatApostrophesPart) {
  EXPECT_THAT(WordParts("O'Neill's List"), ElementsAre("o", "neill", "s", "list"));
  EXPECT_THAT(WordParts("sci-fi"), ElementsAre("sci", "fi"));
}

}  // namespace
}  // namespace recsae
