#include "common/base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace recsae {
namespace {

TEST(Utf8, KeepsTextAndReplacesTheRest) {
  const std::string text = "a \u00e9 \u20ac \U0001F3AC \uFFFD z";
  EXPECT_EQ(ValidUtf8(text), text);
  EXPECT_EQ(ValidUtf8(""), "");
  // A lone continuation, a cut character, overlong forms, a surrogate, beyond U+10FFFF.
  EXPECT_EQ(ValidUtf8("\x80|\xe2\x82"), "?|??");
  EXPECT_EQ(ValidUtf8("\xc0\xaf|\xe0\x80\xaf|\xf0\x80\x80\xaf"), "??|???|????");
  EXPECT_EQ(ValidUtf8("\xed\xa0\x80|\xf4\x90\x80\x80|\xff"), "???|????|?");
}

TEST(IsUtf8, FollowsTheStandard) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("plain"));
  EXPECT_TRUE(IsUtf8("Amélie \xE2\x82\xAC \xF0\x9F\x8E\xAC"));
  EXPECT_TRUE(IsUtf8("\xF4\x8F\xBF\xBF"));
  for (const char* bad : {"\x80", "\xC3", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80",
                          "\xF4\x90\x80\x80", "\xF0\x80\x80\x80", "\xFF", "a\xC3(", "\xE2\x82"}) {
    EXPECT_FALSE(IsUtf8(bad)) << testing::PrintToString(std::string(bad));
  }
}

TEST(ClippedUtf8, CutsBetweenCharacters) {
  EXPECT_EQ(ClippedUtf8("Am\xC3\xA9lie", 7), "Am\xC3\xA9lie");
  EXPECT_EQ(ClippedUtf8("Am\xC3\xA9lie", 4), "Am\xC3\xA9");
  EXPECT_EQ(ClippedUtf8("Am\xC3\xA9lie", 3), "Am");
  EXPECT_EQ(ShortenedUtf8("Am\xC3\xA9lie", 6), "Am...");
  EXPECT_EQ(ClippedUtf8("\xC3\xA9", 1), "");
}

}  // namespace
}  // namespace recsae
