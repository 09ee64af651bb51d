// What people ask for in words.
#include "services/explainer/steering/wishes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace recsae::explainer {
namespace {

// "+topic" for more, "-topic" for less, "!topic" for never, "?topic" for what is not said.
std::string Read(absl::string_view text) {
  return absl::StrJoin(ParseWishes(text), ", ", [](std::string* out, const Wish& wish) {
    constexpr const char* kSigns[] = {"?", "+", "-", "!"};
    absl::StrAppend(out, kSigns[static_cast<int>(wish.polarity)], wish.topic);
  });
}

TEST(Wishes, EachHasItsPolarity) {
  EXPECT_EQ(Read("less gore, more 90s thrillers, no musicals"), "-gore, +90s thrillers, !musicals");
  EXPECT_EQ(Read("horror"), "+horror");
  EXPECT_EQ(Read("comedies, sci-fi"), "+comedies, +sci fi");
  EXPECT_EQ(Read("More comedies please!"), "+comedies");
  EXPECT_EQ(Read("a bit less romance"), "-romance");
  EXPECT_EQ(Read("non-horror"), "!horror");
  EXPECT_EQ(Read("+comedy -horror"), "+comedy, -horror");
  EXPECT_EQ(Read("horror: less"), "-horror");
  EXPECT_EQ(Read("musicals off"), "!musicals");
}

TEST(Wishes, PeopleSayTheSameInManyWays) {
  for (const char* text : {"no horror",
                           "No horror movies, please.",
                           "never horror",
                           "without horror",
                           "stop showing me horror",
                           "don't show me horror",
                           "Don\u2019t show me any horror films",
                           "I hate horror",
                           "I can't stand horror",
                           "anything but horror",
                           "no more horror",
                           "get rid of horror",
                           "not horror",
                           "I never want to see horror",
                           "please stop recommending horror",
                           "I don't want any more horror",
                           "hide horror",
                           "exclude horror movies",
                           "do not recommend horror",
                           "nothing with horror",
                           "I am not interested in horror"}) {
    EXPECT_EQ(Read(text), "!horror") << text;
  }
  for (const char* text :
       {"less horror", "fewer horror films", "too much horror", "not so much horror",
        "I see too many horror movies", "I'm tired of horror", "a little less horror please",
        "I don't like horror", "enough horror", "cut down on horror",
        "I would like to see less horror", "don't show me so much horror",
        "I don't want too much horror", "not too much horror", "horror less", "reduce horror",
        "much less horror", "I dislike horror", "not a fan of horror"}) {
    EXPECT_EQ(Read(text), "-horror") << text;
  }
  for (const char* text : {"more horror",
                           "I like horror",
                           "I love horror movies",
                           "show me horror",
                           "I'd like to see more horror",
                           "give me more horror",
                           "a bit more horror",
                           "way more horror",
                           "I want horror",
                           "not enough horror",
                           "can't get enough of horror",
                           "lots of horror",
                           "nothing but horror",
                           "only horror",
                           "horror, please",
                           "I'm in the mood for horror",
                           "don't hide horror",
                           "I don't want less horror",
                           "horror I like",
                           "too little horror",
                           "not only horror",
                           "stop hiding horror"}) {
    EXPECT_EQ(Read(text), "+horror") << text;
  }
}

TEST(Wishes, ListsKeepTheirPolarityAndButEndsIt) {
  EXPECT_EQ(Read("no horror and musicals"), "!horror, !musicals");
  EXPECT_EQ(Read("no horror, westerns or musicals"), "!horror, !westerns, !musicals");
  EXPECT_EQ(Read("no horror, westerns, and musicals, more comedy"),
            "!horror, !westerns, !musicals, +comedy");
  EXPECT_EQ(Read("less horror and comedies"), "-horror, -comedies");
  EXPECT_EQ(Read("no horror but comedies"), "!horror, +comedies");
  EXPECT_EQ(Read("more comedy and no horror"), "+comedy, !horror");
  EXPECT_EQ(Read("I like comedies but not musicals"), "+comedies, !musicals");
  EXPECT_EQ(Read("less horror, westerns"), "-horror, +westerns");
  EXPECT_EQ(Read("no horror; comedy and drama"), "!horror, +comedy, +drama");
  EXPECT_EQ(Read("Less horror. Comedies & dramas."), "-horror, +comedies, +dramas");
}

TEST(Wishes, AWordThatSaysHowMuchBeginsAnother) {
  EXPECT_EQ(Read("comedies without romance"), "+comedies, !romance");
  EXPECT_EQ(Read("more comedies less horror"), "+comedies, -horror");
  EXPECT_EQ(Read("comedies instead of horror"), "+comedies, -horror");
  EXPECT_EQ(Read("comedies I love and horror I hate"), "+comedies, !horror");
  EXPECT_EQ(Read("everything except musicals"), "!musicals");
  EXPECT_EQ(Read("I'd rather see comedies than horror"), "+comedies, -horror");
  EXPECT_EQ(Read("not horror but comedies"), "!horror, +comedies");
  EXPECT_EQ(Read("neither horror nor musicals"), "!horror, !musicals");
  EXPECT_EQ(Read("horror? no thanks"), "!horror");
  EXPECT_EQ(Read("comedies, please; musicals, no"), "+comedies, !musicals");
  EXPECT_EQ(Read("down with horror, up with comedy"), "!horror, +comedy");
}

TEST(Wishes, KeepTheirWords) {
  const std::vector<Wish> wishes = ParseWishes("  Please, LESS Gore ,and  more 90's Thrillers; ");
  ASSERT_EQ(wishes.size(), 2U);
  EXPECT_EQ(wishes[0].text, "LESS Gore");
  EXPECT_EQ(wishes[1].text, "more 90's Thrillers");
  EXPECT_EQ(wishes[1].topic, "90s thrillers");
}

TEST(Wishes, WhatSaysNothingIsNoneAndWhatIsMissingIsKept) {
  EXPECT_EQ(Read(""), "");
  EXPECT_EQ(Read(" ,;. "), "");
  EXPECT_EQ(Read("please"), "");
  EXPECT_EQ(Read("more movies"), "+");
  EXPECT_EQ(Read("no, no horror"), "!horror");
  EXPECT_EQ(Read("\xff\xfe caf\u00E9 \u8336"), "+\xff\xfe caf\u00E9 \u8336");
}

}  // namespace
}  // namespace recsae::explainer
