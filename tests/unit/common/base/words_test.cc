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
  EXPECT_THAT(SearchWordParts("O'Neill's List"), ElementsAre("o", "neill", "s", "list"));
  EXPECT_THAT(SearchWordParts("O\u2019Neill"), ElementsAre("o", "neill"));
  EXPECT_THAT(SearchWordParts("sci-fi"), ElementsAre("sci", "fi"));
}

TEST(WordsTest, CaseAndFormOfLettersDoNotMatter) {
  EXPECT_THAT(Words("\u00C9T\u00C9"), ElementsAre("\u00E9t\u00E9"));
  EXPECT_THAT(Words("E\u0301te\u0301"), ElementsAre("\u00E9t\u00E9")) << "decomposed";
  EXPECT_THAT(Words("STRASSE Stra\u00DFe"), ElementsAre("strasse", "strasse"));
  EXPECT_THAT(Words("\u041C\u0418\u0420, \u043C\u0438\u0440"),
              ElementsAre("\u043C\u0438\u0440", "\u043C\u0438\u0440"));
  EXPECT_THAT(Words("\u201CTea\u201D \u2013 don\u2019t"), ElementsAre("tea", "dont"));
}

TEST(WordsTest, SearchesDoWithoutAccents) {
  EXPECT_THAT(SearchWords("TH\u00C9 d'\u00E9t\u00E9"), ElementsAre("the", "dete"));
  EXPECT_EQ(SearchWords("caf\u00E9 \u0141\u00F3d\u017A"),
            SearchWords("CAFE\u0301 \u0142o\u0301dz"));
  EXPECT_THAT(
      SearchWords("\u0141\u00D3D\u0179 \u00D8rsted \u00C6sir \u0110or\u0111e d\u0131\u015F"),
      ElementsAre("lodz", "orsted", "aesir", "dorde", "dis"))
      << "letters that no decomposition takes apart";
  EXPECT_EQ(SearchWords("\u05E9\u05C1\u05B8\u05DC\u05D5\u05B9\u05DD"),
            SearchWords("\u05E9\u05DC\u05D5\u05DD"))
      << "Hebrew, pointed or not";
  EXPECT_EQ(SearchWords("\u0633\u064E\u0644\u0627\u0645"), SearchWords("\u0633\u0644\u0627\u0645"))
      << "Arabic";
  // The marks of other scripts are letters of their own.
  EXPECT_THAT(SearchWords("\u0939\u093F\u0928\u094D\u0926\u0940").size(), testing::Eq(1U));
}

TEST(WordsTest, ScriptsWithoutSpacesHaveWords) {
  // "superior green tea", "green tea"
  const std::string title = "\u9AD8\u7EA7\u7EFF\u8336\u7B2C\u0030\u6B3E", query = "\u7EFF\u8336";
  EXPECT_THAT(Words(title), testing::Contains(query));
  const std::vector<std::string> there = SearchWords(title);
  for (const std::string& word : SearchWords(query)) EXPECT_THAT(there, testing::Contains(word));
  EXPECT_THAT(SearchWords("\u8336"), ElementsAre("\u8336"));
  EXPECT_THAT(there, testing::Contains("\u8336"));
  EXPECT_THAT(SearchWords("iPhone\u624B\u673A"),
              ElementsAre("iphone", "\u624B", "\u624B\u673A", "\u673A"));
  EXPECT_THAT(Words("\u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22").size(), testing::Gt(1U))
      << "Thai";
}

TEST(WordsTest, JoinedAsTheirScriptWritesThem) {
  EXPECT_EQ(JoinWords("star", "trek"), "star trek");
  // "green", "tea"; "tea" in Japanese kana
  EXPECT_EQ(JoinWords("\u7EFF", "\u8336"), "\u7EFF\u8336");
  EXPECT_EQ(JoinWords("\u7EFF\u8336", "\u30C6\u30A3\u30FC"), "\u7EFF\u8336\u30C6\u30A3\u30FC");
  EXPECT_EQ(JoinWords("iphone", "\u624B\u673A"), "iphone \u624B\u673A");
  EXPECT_EQ(JoinWords("\u624B\u673A", "5"), "\u624B\u673A 5");
  EXPECT_EQ(JoinWords("\uB179\uCC28", "\uB77C\uB5BC"), "\uB179\uCC28 \uB77C\uB5BC") << "Korean";
}

TEST(WordsTest, WhatIsNotUtf8PartsWords) {
  EXPECT_THAT(Words("caf\xE9 noir"), ElementsAre("caf", "noir"));
}

}  // namespace
}  // namespace recsae
