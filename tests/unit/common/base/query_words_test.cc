#include "common/base/query_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"

namespace recsae {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Folded(const std::vector<FoldedWord>& words) {
  std::vector<std::string> folded;
  for (const FoldedWord& word : words) folded.push_back(word.folded);
  return folded;
}

TEST(QueryWords, FoldsPluralsPossessivesDecadesAndCompounds) {
  EXPECT_THAT(
      Folded(FoldWords("Comedies thrillers boxes bosses boss bus this tea's teas")),
      ElementsAre("comedy", "thriller", "box", "boss", "boss", "bus", "this", "tea", "tea"));
  EXPECT_THAT(Folded(FoldWords("90s '80s 1970s nineties 00s 2010s 1990's")),
              ElementsAre("1990s", "1980s", "1970s", "1990s", "2000s", "2010s", "1990s"));
  EXPECT_THAT(Folded(FoldWords("sci-fi scifi Science Fiction sf")),
              ElementsAre("scifi", "scifi", "scifi", "scifi"));
  EXPECT_EQ(FoldWords("Children's")[0].folded, "children");
  EXPECT_EQ(FoldWords("caf\u00E9s")[0].folded, "cafe");
}

TEST(QueryWords, LeavesOutStopWordsButNotAllOfThem) {
  EXPECT_THAT(Folded(QueryWords("the horror movies and films")), ElementsAre("horror"));
  EXPECT_THAT(Folded(QueryWords("The Thing")), ElementsAre("the", "thing"));
  EXPECT_THAT(Folded(QueryWords("horror, horrors")), ElementsAre("horror"));
}

TEST(QueryWords, RefusesANegationWithTheWayToSayIt) {
  for (const char* query :
       {"not horror", "No horror", "non-horror", "without horror", " less horror"}) {
    const absl::Status status = CheckNotNegated(query);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << query;
    EXPECT_EQ(Reason(status), "QUERY_NEGATED");
    EXPECT_THAT(std::string(status.message()), HasSubstr("'horror:-4' or 'horror:off'"));
  }
  for (const char* query :
       {"horror", "no", "notting hill", "nothing but trouble", "horror not", ""}) {
    EXPECT_TRUE(CheckNotNegated(query).ok()) << query;
  }
}

TEST(QueryWords, LevelsSayHowWellADescriptionMatches) {
  const auto level = [](const char* query, const char* description) {
    return LevelOf(QueryWords(query), description);
  };
  EXPECT_GT(level("war", "War"), level("war", "Comedy; like War of the Roses"));
  EXPECT_GT(level("war", "Comedy; like War of the Roses"), level("war", "Warm summers"));
  EXPECT_GT(level("war", "Warm summers"), level("war", "Comedy"));
  EXPECT_GT(level("90s horror", "Horror"), level("90s horror", "1990s"));
  EXPECT_GT(level("90s scary movies", "Horror"), level("90s scary movies", "1990s"));
  EXPECT_GT(level("90s", "1990s"), level("90s", "1980s-2000s"));
  EXPECT_GT(level("90s", "1980s-2000s"), level("90s", "1970s-1980s"));
  EXPECT_GT(level("90s horror", "1990s; like Horror Express"), level("90s horror", "Horror"));
  EXPECT_EQ(level("scary", "Horror"), level("horr", "Horror"));
  EXPECT_EQ(level("", "Horror").words, 0);
}

}  // namespace
}  // namespace recsae
