#include "clients/cli/text/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace recsae::cli {
namespace {

TEST(TextTest, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("Alien"), 5);
  EXPECT_EQ(DisplayWidth("Léon"), 4);
  EXPECT_EQ(DisplayWidth("Le\xCC\x81on"), 4);  // e + combining acute
  EXPECT_EQ(DisplayWidth("七人の侍"), 8);
  EXPECT_EQ(DisplayWidth("\xFF\xC3"), 2);  // not UTF-8: one column a byte
}

TEST(TextTest, TruncatesAtCharactersToTheWidth) {
  EXPECT_EQ(Truncate("Léon", 4), "Léon");
  EXPECT_EQ(Truncate("Léon: The Professional", 4), "Léo…");
  EXPECT_EQ(Truncate("七人の侍", 6), "七人…");
  EXPECT_EQ(Truncate("七人の侍", 5), "七人…");
  EXPECT_EQ(Truncate("七人の侍", 4), "七…");
  EXPECT_EQ(Truncate("abc", 0), "");
  for (int width = 0; width < 12; ++width) {
    EXPECT_LE(DisplayWidth(Truncate("a七b人c侍é", width)), width) << width;
  }
}

TEST(TextTest, PadsToColumns) {
  EXPECT_EQ(PadRight("é", 3), "é  ");
  EXPECT_EQ(PadLeft("侍", 3), " 侍");
  EXPECT_EQ(PadLeft("long", 2), "long");
}

TEST(TextTest, CleanKeepsTitlesFromMovingTheCursor) {
  EXPECT_EQ(Clean("a\x1b[2Jb"), "a\xEF\xBF\xBD[2Jb");
  EXPECT_EQ(Clean("one\ntwo\tthree"), "one two three");
  EXPECT_EQ(Clean("L\xE9on"), "L\xEF\xBF\xBDon");  // Latin-1
  EXPECT_EQ(Clean("\xC2\x9B"
                  "1m"),
            "\xEF\xBF\xBD"
            "1m");  // C1 control sequence introducer
  EXPECT_EQ(Clean("\xE2\x80\xAE"
                  "abc"),
            "\xEF\xBF\xBD"
            "abc");                                          // right-to-left override
  EXPECT_EQ(Clean("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");  // overlong
  EXPECT_EQ(Clean("Léon 侍"), "Léon 侍");
}

TEST(TextTest, FormatsCounts) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(-123456), "-123,456");
  EXPECT_EQ(FormatCount(-123), "-123");
  EXPECT_EQ(FormatCount(std::numeric_limits<int64_t>::max()), "9,223,372,036,854,775,807");
}

TEST(TextTest, FormatsNumbers) {
  EXPECT_EQ(FormatNumber(0.059512), "0.05951");
  EXPECT_EQ(FormatNumber(1.5), "1.5");
  EXPECT_EQ(FormatNumber(0), "0");
  EXPECT_EQ(FormatNumber(253456.7), "253,457");
  EXPECT_EQ(FormatSigned(4.204, 2), "+4.20");
  EXPECT_EQ(FormatSigned(-0.305, 2), "-0.30");
  EXPECT_EQ(FormatPercent(0.9846), "98.5 %");
}

TEST(TextTest, FormatsDurations) {
  EXPECT_EQ(FormatDuration(-1), "0.0 s");
  EXPECT_EQ(FormatDuration(4.24), "4.2 s");
  EXPECT_EQ(FormatDuration(42), "0:42");
  EXPECT_EQ(FormatDuration(59.6), "1:00");
  EXPECT_EQ(FormatDuration(725), "12:05");
  EXPECT_EQ(FormatDuration(3723), "1:02:03");
}

TEST(TextTest, Plurals) {
  EXPECT_EQ(Plural(1, "row"), "1 row");
  EXPECT_EQ(Plural(0, "row"), "0 rows");
  EXPECT_EQ(Plural(2000, "row"), "2,000 rows");
}

}  // namespace
}  // namespace recsae::cli
