#include "services/concept-store/search/search_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/words.h"

namespace recsae::concept_store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::vector<int32_t> Find(const SearchIndex& index, const std::string& query, size_t max = 10) {
  std::vector<int32_t> latents;
  for (const SearchHit& hit : index.Find(SearchWords(query), max)) latents.push_back(hit.latent);
  return latents;
}

TEST(SearchIndex, FindsByPrefixOfMostWords) {
  SearchIndex index;
  index.Put(1, {"horror films of the 1980s", {"horror"}, 0.5});
  index.Put(2, {"horrible bosses", {"comedy"}, 0.5});
  index.Put(3, {"space opera", {"star trek", "horror"}, 0.5});
  EXPECT_THAT(Find(index, "horr"), UnorderedElementsAre(1, 2, 3));
  EXPECT_THAT(Find(index, "HORROR"), UnorderedElementsAre(1, 3));
  EXPECT_THAT(Find(index, "horror space"), ElementsAre(3));
  EXPECT_THAT(Find(index, "trek star"), ElementsAre(3));
  EXPECT_THAT(Find(index, "orror"), IsEmpty());
  EXPECT_THAT(Find(index, "horror western"), UnorderedElementsAre(1, 3));
  EXPECT_THAT(Find(index, "western opera house"), ElementsAre(3));
}

TEST(SearchIndex, FindsWhatPeopleMean) {
  SearchIndex index;
  index.Put(1, {"Horror, 1990s", {"Horror", "1990s"}, 0.5});
  index.Put(2, {"Comedy", {"Comedy"}, 0.5});
  index.Put(3, {"Sci-Fi", {"Sci-Fi"}, 0.5});
  index.Put(4, {"Children's", {"Children's"}, 0.5});
  index.Put(5, {"Film-Noir", {"Film-Noir"}, 0.5});
  index.Put(6, {"Thriller, 1980s; like Misery, War of the Roses", {"Thriller", "1980s"}, 0.5});
  index.Put(7, {"War", {"War"}, 0.1});
  index.Put(8, {"warm summers", {"warm"}, 0.9});
  const std::vector<std::pair<std::string, int32_t>> first = {
      {"the horror", 1},   {"horror movies", 1},
      {"horrors", 1},      {"90s", 1},
      {"the nineties", 1}, {"1990's films", 1},
      {"comedies", 2},     {"comedy's", 2},
      {"funny movies", 2}, {"scifi", 3},
      {"sci-fi", 3},       {"science fiction", 3},
      {"SF", 3},           {"childrens", 4},
      {"children", 4},     {"kids movies", 4},
      {"film noir", 5},    {"80s thrillers", 6},
      {"misery", 6},       {"war", 7},
      {"wars", 7},         {"comedies and cake", 2},
      {"scary films", 1}};
  for (const auto& [query, latent] : first) {
    SCOPED_TRACE(query);
    const std::vector<int32_t> found = Find(index, query);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found[0], latent);
  }
  // The word itself, then among the examples, then words that begin with it.
  EXPECT_THAT(Find(index, "war"), ElementsAre(7, 6, 8));
  EXPECT_THAT(Find(index, "the"), ElementsAre(6));  // nothing else was asked for
}

TEST(SearchIndex, OfMostWordsTheNounCountsMost) {
  SearchIndex index;
  index.Put(1, {"Drama, 1990s", {"Drama", "1990s"}, 0.9, 50});
  index.Put(2, {"Thriller", {"Thriller"}, 0.1});
  EXPECT_THAT(Find(index, "90s thrillers"), ElementsAre(2, 1));
  EXPECT_THAT(Find(index, "thrillers of the nineties"), ElementsAre(2, 1));
  index.Put(3, {"1990s Thriller", {"1990s", "Thriller"}, 0.1});
  EXPECT_THAT(Find(index, "90s thrillers"), ElementsAre(3));
}

TEST(SearchIndex, RanksWhatIsTheWordFirst) {
  SearchIndex index;
  index.Put(1, {"war films and dramas with some horror", {"war", "drama", "action", "horror"}, 1});
  index.Put(2, {"horror", {"horror"}, 0.1});
  index.Put(3, {"horror, thriller, 1980s", {"horror", "thriller", "1980s"}, 0.1});
  index.Put(4, {"thriller, horror", {"thriller", "horror"}, 0.1});
  index.Put(5, {"horrors", {"horrors"}, 1});
  // The word, alone and as a plural, then what has it first.
  EXPECT_THAT(Find(index, "horror"), ElementsAre(2, 5, 3, 4, 1));
}

TEST(SearchIndex, WeightDecidesBetweenConceptsThatSayTheSame) {
  SearchIndex index;
  index.Put(1, {"horror", {"horror"}, 0.9, 1.5});
  index.Put(2, {"horror, 1980s", {"horror", "1980s"}, 0.8, 9});
  EXPECT_THAT(Find(index, "horror"), ElementsAre(2, 1));
}

TEST(SearchIndex, RanksAPhraseThatIsATermFirst) {
  SearchIndex index;
  index.Put(1, {"trek through the stars; a star", {"trek", "star"}, 1});
  index.Put(2, {"star trek, sci-fi", {"star trek", "sci-fi"}, 0.1});
  EXPECT_THAT(Find(index, "star trek"), ElementsAre(2, 1));
  EXPECT_THAT(Find(index, "Sci-Fi"), ElementsAre(2));
}

TEST(SearchIndex, BreaksTiesByCorrelationThenLatent) {
  SearchIndex index;
  index.Put(7, {"comedy", {"comedy"}, 0.6});
  index.Put(3, {"comedy", {"comedy"}, 0.6});
  index.Put(5, {"comedy", {"comedy"}, 0.9});
  EXPECT_THAT(Find(index, "comedy"), ElementsAre(5, 3, 7));
  EXPECT_THAT(Find(index, "comedy", 2), ElementsAre(5, 3));
}

TEST(SearchIndex, RareWordsCountMore) {
  SearchIndex index;
  for (int i = 0; i < 20; ++i) index.Put(i, {"drama", {"drama"}, 0.5});
  index.Put(30, {"western drama", {"western", "drama"}, 0.5});
  index.Put(31, {"drama western", {"drama", "western"}, 0.5});
  const auto rare = index.Find({"western"}, 10);
  const auto common = index.Find({"drama"}, 50);
  ASSERT_EQ(rare.size(), 2U);
  ASSERT_EQ(common.size(), 22U);
  EXPECT_GT(rare[1].score, common[0].score);
}

TEST(SearchIndex, ForgetsWhatIsReplacedOrRemoved) {
  SearchIndex index;
  index.Put(1, {"horror", {"horror"}, 0.5});
  index.Put(1, {"western", {"western"}, 0.5});
  EXPECT_THAT(Find(index, "horror"), IsEmpty());
  EXPECT_THAT(Find(index, "western"), ElementsAre(1));
  index.Remove(1);
  index.Remove(1);
  EXPECT_THAT(Find(index, "western"), IsEmpty());
}

TEST(SearchIndex, ScoresDoNotDependOnTheOrderOfWrites) {
  SearchIndex one;
  SearchIndex other;
  const SearchDocument a = {"space horror", {"alien", "space"}, 0.5};
  const SearchDocument b = {"space western", {"western", "spaceship"}, 0.5};
  one.Put(1, a);
  one.Put(2, b);
  other.Put(2, a);
  other.Put(2, b);
  other.Put(1, b);
  other.Put(1, a);
  const auto x = one.Find({"space"}, 10);
  const auto y = other.Find({"space"}, 10);
  ASSERT_EQ(x.size(), 2U);
  ASSERT_EQ(y.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(x[i].latent, y[i].latent);
    EXPECT_EQ(x[i].score, y[i].score);
  }
}

}  // namespace
}  // namespace recsae::concept_store
