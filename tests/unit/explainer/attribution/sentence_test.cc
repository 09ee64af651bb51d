// Every word of a sentence follows from the parts it is made of.
#include "services/explainer/attribution/sentence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace recsae::explainer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<ToldGroup> kGroups = {{"1980s Horror", true, {true, true, false, false}},
                                        {"Comedy", true, {false, false, false, true}},
                                        {"noise", false, {true, true, true, true}}};
const std::vector<std::string> kTitles = {"Alien", "The Thing", "Heat", "Big"};

PersonalParts<double> Parts(double everyone, std::vector<double> groups, double absent = 0,
                            double unexplained = 0) {
  return {everyone, std::move(groups), absent, unexplained};
}

TEST(ReasonSentenceTest, NamesTheItemsThatDoMostAndTheConceptThatTheyDoItBy) {
  const std::vector<HistoryEffect> reasons = {{0, 0.4, {0.35, 0.0, 0.0}},
                                              {1, 0.3, {0.1, 0.0, 0.2}},
                                              {2, 0.1, {0.0, 0.0, 0.1}},
                                              {3, -0.2, {-0.2, 0.0, 0.0}}};
  EXPECT_EQ(ReasonSentence(kGroups, Parts(3, {0.62, 0.1, 0.9}, 0, -0.75), kTitles, reasons),
            "Because of Alien and The Thing, in which this recommender sees 1980s Horror: +0.62 of "
            "the +0.87 that it scores above an average user's.");
}

TEST(ReasonSentenceTest, WhatIsNotTrueOfTheItemsIsNotSeenInThem) {
  // Heat is no horror; and by The Thing the score rises, but not by horror.
  for (const HistoryEffect& first :
       {HistoryEffect{2, 0.5, {0.4, 0.0, 0.0}}, HistoryEffect{1, 0.5, {0.01, 0.0, 0.0}}}) {
    const std::string sentence =
        ReasonSentence(kGroups, Parts(3, {0.62, 0.1, 0}), kTitles, {first});
    EXPECT_EQ(sentence, absl::StrCat("Because of ", kTitles[first.place],
                                     ", and because 1980s Horror weighs more with you than with "
                                     "an average user: +0.62 of the +0.72 that it scores above an "
                                     "average user's."));
  }
}

TEST(ReasonSentenceTest, AConceptThatDidNotPassIsNotTold) {
  EXPECT_EQ(ReasonSentence(kGroups, Parts(3, {0, 0, 0.9}), kTitles, {}), "");
}

TEST(ReasonSentenceTest, AConceptThatLowersTheScoreOrIsASmallPartIsNoReason) {
  EXPECT_EQ(ReasonSentence(kGroups, Parts(3, {-0.5, 0, 0.9}), kTitles, {}), "");
  EXPECT_EQ(ReasonSentence(kGroups, Parts(3, {0.05, 0, 0.9}), kTitles, {}), "");
}

TEST(ReasonSentenceTest, OfSeveralTheOneThatTheRankHangsOnIsTold) {
  std::vector<ToldGroup> groups = kGroups;
  groups[1].margin = 0.2;
  EXPECT_THAT(ReasonSentence(groups, Parts(3, {0.6, 0.3, 0}), kTitles, {}),
              HasSubstr("Because Comedy weighs"));
  groups[0].margin = 0.3;
  EXPECT_THAT(ReasonSentence(groups, Parts(3, {0.6, 0.3, 0}), kTitles, {}),
              HasSubstr("1980s Horror"));
  // Its rivals have more of both.
  groups[0].margin = groups[1].margin = -0.1;
  EXPECT_EQ(ReasonSentence(groups, Parts(3, {0.6, 0.3, 0}), kTitles, {}), "");
}

TEST(ReasonSentenceTest, WithoutHistoryTheConceptAloneIsTold) {
  EXPECT_EQ(ReasonSentence(kGroups, Parts(3, {0, 0.4, 0}), kTitles, {}),
            "Because Comedy weighs more with you than with an average user: +0.40 of the +0.40 "
            "that it scores above an average user's.");
}

TEST(ReasonSentenceTest, WithoutAConceptTheItemsAloneAreTold) {
  const std::vector<HistoryEffect> reasons = {{2, 0.5, {}}, {1, 0.3, {}}, {3, 0.1, {}}};
  EXPECT_EQ(ReasonSentence({}, {}, kTitles, reasons),
            "Because of Heat and The Thing: without Heat the score would be 0.50 lower.");
  EXPECT_EQ(ReasonSentence({}, {}, kTitles, {{1, 0.3, {}}}),
            "Because of The Thing: without it the score would be 0.30 lower.");
}

TEST(ReasonSentenceTest, ItemsThatLowerTheScoreAreNoReason) {
  EXPECT_EQ(ReasonSentence({}, {}, kTitles, {{1, -0.3, {}}, {0, -0.1, {}}}), "");
  EXPECT_EQ(ReasonSentence({}, {}, {}, {}), "");
}

TEST(ReasonSentenceTest, NeverNamesAPersonalPartThatTheUserDoesNotHave) {
  const std::string sentence = ReasonSentence(kGroups, Parts(5, {0.6, 0, 0}, -1.2), kTitles, {});
  EXPECT_THAT(sentence, HasSubstr("+0.60 of the score"));
  EXPECT_THAT(sentence, Not(HasSubstr("that it scores above")));
}

TEST(ContrastSentenceTest, TellsTheLargestPartOfTheDifferenceInItsDirection) {
  EXPECT_EQ(ContrastSentence("Alien", "Casablanca", kGroups, Parts(0.1, {1.2, -0.3, 5}, 0, -4.56)),
            "Alien rather than Casablanca: +1.44, of which +1.20 by 1980s Horror.");
  EXPECT_EQ(ContrastSentence("Alien", "Casablanca", kGroups, Parts(-2, {0.5, 0, 0})),
            "Casablanca rather than Alien: +1.50, of which +2.00 by what everyone gets.");
}

TEST(CounterfactualSentenceTest, SaysWhatWasTried) {
  CounterfactualWords words;
  words.title = "Alien";
  words.without = {"The Thing", "Aliens"};
  words.found = true;
  words.top = 10;
  words.rank_before = 2;
  words.rank_after = 14;
  EXPECT_EQ(CounterfactualSentence(words),
            "Without The Thing and Aliens, Alien would be number 14, not among the first 10.");
  words.found = false;
  words.max_size = 5;
  words.rank_after = 7;
  EXPECT_EQ(CounterfactualSentence(words),
            "No 5 items of the history or fewer that were tried keep Alien out of the first 10; "
            "without The Thing and Aliens it is number 7.");
  words.rank_before = 31;
  EXPECT_EQ(CounterfactualSentence(words),
            "Alien is number 31, not among the first 10 to begin with.");
}

}  // namespace
}  // namespace recsae::explainer
