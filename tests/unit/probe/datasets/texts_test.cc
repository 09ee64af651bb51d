// Encodings, numbers, times, lists and markup: the right value of each kind of text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/utf8.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

TEST(EncodingTest, BytesThatAreNotUtf8AreWindows1252) {
  EXPECT_EQ(ToUtf8("caf\xE9"), "caf\u00E9");
  EXPECT_EQ(ToUtf8("\x93hi\x94 \x96 5\x80"), "\u201Chi\u201D \u2013 5\u20AC");
  EXPECT_EQ(ToUtf8("caf\u00E9 \xE9"), "caf\u00E9 \u00E9") << "what is UTF-8 stays";
  EXPECT_EQ(ToUtf8(std::string("a\0b", 3)), "a\u2400b");
}

TEST(EncodingTest, WhatNoCharacterIsBecomesValid) {
  // Overlong, lone surrogate, too large, cut off, and pairs of surrogates as characters of their
  // own.
  for (const char* bytes :
       {"\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xFF\xFE\xFD", "\x80"}) {
    EXPECT_TRUE(IsUtf8(ToUtf8(bytes))) << ToUtf8(bytes);
    EXPECT_TRUE(IsCleanUtf8(ToUtf8(bytes)));
  }
  EXPECT_EQ(ToUtf8("\xED\xA0\xBD\xED\xB8\x80"), "\U0001F600");
  EXPECT_NE(ToUtf8("\xC0\xAF"), ToUtf8("\xC0\xAE")) << "different ids stay different";
}

TEST(EncodingTest, Utf16ComesInPieces) {
  WideDecoder decoder(Encoding::kUtf16Little);
  std::string text;
  for (const char c : std::string("A\0\x3D\xD8\x00\xDE\x00\xDC", 8)) decoder.Decode({&c, 1}, &text);
  decoder.Finish(&text);
  EXPECT_EQ(text, "A\U0001F600\uFFFD");
}

TEST(EncodingTest, Utf32ComesInPieces) {
  WideDecoder decoder(Encoding::kUtf32Big);
  std::string text;
  // A letter, one beyond 16 bits, a half of a pair, a code that nobody has, a cut-off unit.
  for (const char c : std::string("\0\0\0A\0\x01\xF6\0\0\0\xD8\0\0\x11\0\0\0", 17))
    decoder.Decode({&c, 1}, &text);
  decoder.Finish(&text);
  EXPECT_EQ(text, "A\U0001F600\uFFFD\uFFFD\uFFFD");
}

double Time(const char* text) {
  double seconds = -1;
  DateOrder order = DateOrder::kClear;
  EXPECT_TRUE(ParseTime(text, &seconds, &order)) << text;
  return seconds;
}

TEST(TimesTest, NumbersAndDates) {
  EXPECT_EQ(Time("978300760"), 978300760);
  EXPECT_EQ(Time("1577836800000"), 1577836800);  // milliseconds
  EXPECT_EQ(Time("1577836800000000"), 1577836800);
  EXPECT_EQ(Time("17"), 17);
  EXPECT_EQ(Time("1970-01-02"), 86400);
  EXPECT_EQ(Time("2014-04-07T10:51:09.250Z"), 1396867869.25);
  EXPECT_EQ(Time("2014-04-07 10:51:09"), 1396867869);
  EXPECT_EQ(Time("2014-04-07T12:51:09+02:00"), 1396867869);
  EXPECT_EQ(Time("11/15/2019 9:05:58 AM"), 1573808758);
  EXPECT_EQ(Time("11/15/2019 9:05:58 PM"), 1573808758 + 43200);
  EXPECT_EQ(Time("15/11/2019"), 1573776000);
  EXPECT_EQ(Time("09 1, 2016"), Time("2016-09-01"));
  EXPECT_EQ(Time("Nov 15, 2019"), 1573776000);
  EXPECT_EQ(Time("Tue Nov 01 11:18:04 -0700 2011"), Time("2011-11-01T18:18:04Z"));
  double seconds = 0;
  DateOrder order = DateOrder::kClear;
  EXPECT_TRUE(ParseTime("3/4/2020", &seconds, &order));
  EXPECT_EQ(order, DateOrder::kAmbiguous);
  for (const char* none : {"", "soon", "nan", "inf", "1e999", "2014-13-01", "10:30", "1/2"}) {
    EXPECT_FALSE(ParseTime(none, &seconds, &order)) << none;
  }
}

TEST(RatingsTest, NumbersAndWords) {
  double rating = 0;
  EXPECT_TRUE(ParseRating("4,5", &rating));
  EXPECT_EQ(rating, 4.5);
  EXPECT_TRUE(ParseRating("True", &rating));
  EXPECT_EQ(rating, 1);
  EXPECT_TRUE(ParseRating("no", &rating));
  EXPECT_EQ(rating, 0);
  EXPECT_FALSE(ParseRating("good", &rating));
}

TEST(ValuesTest, MissingOnes) {
  for (const char* missing : {"", " ", "nan", "NaN", "None", "NULL", "\\N", "N/A", "<NA>",
                              "Unknown", "(no genres listed)", "[]"}) {
    EXPECT_TRUE(IsMissing(missing)) << missing;
  }
  for (const char* value : {"Nancy", "0", "Nonesuch", "N"}) EXPECT_FALSE(IsMissing(value)) << value;
}

TEST(ValuesTest, WholeNumbersOfPandas) {
  EXPECT_EQ(WithoutDecimals("12.0"), "12");
  EXPECT_EQ(WithoutDecimals("-3.000"), "-3");
  for (const char* id : {"12", "12.5", "v1.0", ".0", "1.", "1.0.0"})
    EXPECT_EQ(WithoutDecimals(id), id);
}

std::string List(const char* text) {
  std::string elements;
  if (!ParseList(text, &elements)) return "none";
  for (char& c : elements) c = c == kListSeparator ? '+' : c;
  return elements;
}

TEST(ListsTest, OfPythonJsonAndNumPy) {
  EXPECT_EQ(List("['Tea', 'Food']"), "Tea+Food");
  EXPECT_EQ(List("[\"Tea\", \"Rock 'n' Roll\"]"), "Tea+Rock 'n' Roll");
  EXPECT_EQ(List("[u'Tea', None, \"it's\"]"), "Tea+it's");
  EXPECT_EQ(List("['Tea' 'Food']"), "Tea+Food");
  EXPECT_EQ(List("[Tea, Food]"), "Tea+Food");
  EXPECT_EQ(List("[{'id': 16, 'name': 'Animation'}, {'id': 35, 'name': 'Comedy'}]"),
            "Animation+Comedy");
  EXPECT_EQ(List("[['Beauty', 'Hair'], ['Beauty']]"), "Beauty+Hair+Beauty");
  EXPECT_EQ(List("{'fiction': 12, 'poetry': 3}"), "fiction+poetry");
  EXPECT_EQ(List("[]"), "");
  EXPECT_EQ(List("Tea, Food"), "none");
  EXPECT_EQ(List("(live)"), "none");
}

TEST(LiteralsTest, BecomeJson) {
  EXPECT_EQ(LiteralToJson("{u'a': 'it\\'s \"x\"', 'b': (1, 2,), 'c': True, 'd': None}"),
            "{\"a\": \"it's \\\"x\\\"\", \"b\": [1, 2], \"c\": true, \"d\": null}");
  EXPECT_EQ(LiteralToJson("{\"a\": NaN, \"b\": -Infinity}"), "{\"a\": null, \"b\": null}");
  EXPECT_EQ(LiteralToJson("['\\ud83d\\ude00 \\ud83d \\x41 \\U0001F600']"),
            "[\"\\ud83d\\ude00 \\ufffd \\u0041 \\ud83d\\ude00\"]");
}

TEST(MarkupTest, TagsAndEntities) {
  EXPECT_EQ(WithoutMarkup("Salt &amp; <b>Pepper</b>"), "Salt & Pepper");
  EXPECT_EQ(WithoutMarkup("caf&eacute; &#233;&#xE9; &amp;quot;x&amp;quot;"),
            "caf\u00E9 \u00E9\u00E9 \"x\"");
  EXPECT_EQ(WithoutMarkup("one<br/>two"), "one two");
  EXPECT_EQ(WithoutMarkup("<script>alert(1)</script> Tea"), "Tea");
  for (const char* plain : {"I <3 you", "<Untitled>", "AT&T; a & b", "a < b > c", "&nosuch;"}) {
    EXPECT_EQ(WithoutMarkup(plain), plain);
  }
}

TEST(YearsTest, AtTheEndsOfTitles) {
  for (const char* title : {"Heat (1995)", "Heat (1995) ", "Heat (1995-)", "Heat (1995\u20131999)",
                            "Heat (1995) (TV)", "\"Heat (1995)\""}) {
    EXPECT_EQ(YearOf(title), "1995") << title;
  }
  for (const char* title :
       {"1995", "Heat (19951)", "Heat (1995 cut)", "(1995) Heat", ")", "Heat (TV)", ""}) {
    EXPECT_EQ(YearOf(title), "") << title;
  }
}

}  // namespace
}  // namespace recsae::probe
