#include "services/explainer/labeling/item_sets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "common/base/random.h"

namespace recsae::explainer {
namespace {

absl::Status Always() { return absl::OkStatus(); }

// 120 items: genre by i % 3, decade by i % 4, half of the first genre is War as well.
std::vector<ItemText> Films() {
  const std::vector<std::string> genres = {"Drama", "Comedy", "Horror"};
  std::vector<ItemText> items;
  for (int i = 0; i < 120; ++i) {
    ItemText item;
    item.title = i % 10 == 0 ? "The Mummy" : "Film " + std::to_string(i);
    item.attributes.emplace_back("genre", genres[static_cast<size_t>(i) % 3]);
    if (i % 6 == 0) item.attributes.emplace_back("genre", "War");
    item.attributes.emplace_back("decade", std::to_string(1950 + 10 * (i % 4)) + "s");
    items.push_back(item);
  }
  return items;
}

ItemSets Make(const std::vector<ItemText>& items, const std::vector<double>& popularity = {},
              const ItemSetOptions& options = {}) {
  return *ItemSets::Create(items, popularity, options, Always);
}

std::map<std::string, int> Names(const ItemSets& sets) {
  std::map<std::string, int> names;
  for (int i = 0; i < sets.size(); ++i) names[sets.at(i).name] = sets.at(i).items;
  return names;
}

TEST(ItemSetsTest, NamesValuesRangesWordsAndWhatTheyHaveInCommon) {
  const std::map<std::string, int> names = Names(Make(Films()));
  EXPECT_EQ(names.at("Drama"), 40);
  EXPECT_EQ(names.at("1950s"), 30);
  EXPECT_EQ(names.at("1950s-1960s"), 60);
  EXPECT_EQ(names.at("1960s Drama"), 10);
  EXPECT_EQ(names.at("1950s-1960s Horror"), 20);
  EXPECT_EQ(names.at("\"mummy\""), 12);
  EXPECT_FALSE(names.contains("1950s-1980s"));  // everything
  EXPECT_FALSE(names.contains("1950s 1960s"));  // nothing
  EXPECT_FALSE(names.contains("Drama + War"));  // War is all of it
}

TEST(ItemSetsTest, SetsAreDifferentAndNoneIsTooSmallOrLarge) {
  const std::vector<ItemText> items = Films();
  std::vector<double> popularity;
  Random random(1);
  for (size_t i = 0; i < items.size(); ++i) popularity.push_back(random.Uniform());
  const ItemSets sets = Make(items, popularity);
  std::vector<std::set<int>> holders(static_cast<size_t>(sets.size()));
  for (int item = 0; item < sets.items(); ++item) {
    EXPECT_TRUE(std::is_sorted(sets.Of(item).begin(), sets.Of(item).end()));
    for (const int32_t set : sets.Of(item)) holders[static_cast<size_t>(set)].insert(item);
  }
  for (int i = 0; i < sets.size(); ++i) {
    EXPECT_EQ(holders[static_cast<size_t>(i)].size(), static_cast<size_t>(sets.at(i).items));
    EXPECT_LE(sets.at(i).items, 108);
    EXPECT_GE(sets.at(i).items, sets.at(i).terms[0].second == "word" ? 3 : 5);
    EXPECT_LE(sets.at(i).terms.size(), 3u);
  }
  EXPECT_EQ(std::set<std::set<int>>(holders.begin(), holders.end()).size(), holders.size());
}

TEST(ItemSetsTest, PopularityBandsFollowTheCounts) {
  const std::vector<ItemText> items = Films();
  std::vector<double> popularity(items.size());
  for (size_t i = 0; i < 12; ++i) popularity[i * 7] = 100.0 + static_cast<double>(i);
  const ItemSets sets = Make(items, popularity);
  for (int i = 0; i < sets.size(); ++i) {
    if (sets.at(i).name != "popular") continue;
    EXPECT_EQ(sets.at(i).items, 12);
    for (size_t item = 0; item < items.size(); ++item) {
      const auto of = sets.Of(static_cast<int>(item));
      EXPECT_EQ(std::find(of.begin(), of.end(), i) != of.end(), popularity[item] > 0);
    }
    return;
  }
  FAIL() << "no band";
}

TEST(ItemSetsTest, AttributesAreSingleValues) {
  const ItemSets sets = Make(Films());
  EXPECT_EQ(sets.Attributes().size(), 8u);  // 4 genres, 4 decades
  for (const int32_t set : sets.Attributes()) {
    EXPECT_EQ(sets.at(set).terms.size(), 1u);
    EXPECT_NE(sets.at(set).terms[0].second, "word");
  }
}

TEST(ItemSetsTest, KeysThatAreNoNumbersHaveNoRanges) {
  std::vector<ItemText> items = Films();
  items[5].attributes.emplace_back("decade", "unknown");
  EXPECT_FALSE(Names(Make(items)).contains("1950s-1960s"));
}

TEST(ItemSetsTest, ItemsAreOrderedByTheKeyWithRangesThatMostHave) {
  std::vector<ItemText> items = Films();
  for (size_t i = 0; i < 60; ++i) {  // more values, of fewer items
    for (const char* stars : {"1", "2", "3", "4"}) items[i].attributes.emplace_back("stars", stars);
  }
  for (ItemText& item : items) item.attributes.emplace_back("place", "nan");
  items[0].attributes.emplace_back("place", "inf");
  items[1].attributes.emplace_back("place", "7");
  items[7].attributes.emplace_back("decade", "1910s");
  items[7].attributes.emplace_back("decade", "2000s");
  items[9].attributes.clear();
  const ItemSets sets = Make(items);
  EXPECT_EQ(sets.order_key(), "decade");
  ASSERT_EQ(sets.Orders().size(), items.size());
  EXPECT_EQ(sets.Orders()[0], 1950);
  EXPECT_EQ(sets.Orders()[6], 1970);
  EXPECT_EQ(sets.Orders()[7], 1910) << "the least of three";
  EXPECT_TRUE(std::isnan(sets.Orders()[9]));

  for (ItemText& item : items) item.attributes.emplace_back("decade", "unknown");
  EXPECT_EQ(Make(items).order_key(), "stars");
  for (ItemText& item : items) {
    std::erase_if(item.attributes, [](const auto& of) { return of.first == "stars"; });
  }
  EXPECT_EQ(Make(items).order_key(), "");
  EXPECT_TRUE(Make(items).Orders().empty());
}

TEST(ItemSetsTest, HoldsWhatItLists) {
  const ItemSets sets = Make(Films());
  std::vector<int32_t> counts(static_cast<size_t>(sets.size()));
  for (int item = 0; item < sets.items(); ++item) {
    const auto of = sets.Of(item);
    for (int32_t set = 0; set < sets.size(); ++set) {
      EXPECT_EQ(sets.Holds(set, item), std::find(of.begin(), of.end(), set) != of.end());
      counts[static_cast<size_t>(set)] += sets.Holds(set, item) ? 1 : 0;
    }
    EXPECT_FALSE(sets.Holds(-1, item));
    EXPECT_FALSE(sets.Holds(sets.size(), item));
  }
  for (int32_t set = 0; set < sets.size(); ++set) {
    EXPECT_EQ(counts[static_cast<size_t>(set)], sets.at(set).items);
  }
}

TEST(ItemSetsTest, CostIsBounded) {
  // Every item has values of its own among thousands: pairs would be millions.
  std::vector<ItemText> items(3000);
  Random random(2);
  for (ItemText& item : items) {
    for (int a = 0; a < 12; ++a) {
      item.attributes.emplace_back("tag", std::to_string(random.Below(4000)) + "x");
    }
  }
  ItemSetOptions options;
  options.max_sets = 2500;
  options.max_values = 1000;
  const ItemSets sets = Make(items, {}, options);
  EXPECT_LE(sets.size(), 2500);
  EXPECT_LE(sets.Attributes().size(), 1000u);
  const auto enough = [] { return absl::CancelledError("enough"); };
  EXPECT_EQ(ItemSets::Create(items, {}, {}, enough).status().code(), absl::StatusCode::kCancelled);
}

TEST(ItemSetsTest, NothingToSayIsNoError) {
  EXPECT_EQ(Make({}).size(), 0);
  EXPECT_EQ(Make(std::vector<ItemText>(10)).size(), 0);
}

}  // namespace
}  // namespace recsae::explainer
