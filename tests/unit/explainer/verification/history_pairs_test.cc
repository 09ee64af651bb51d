#include "services/explainer/verification/history_pairs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/unit/explainer/verification/tables.h"

namespace recsae::explainer {
namespace {

constexpr int kItems = 160;
// How far apart the two of a pair may be, in standard deviations.
constexpr double kCaliper = 0.5;

// Item i is of genre i % 4, of one of 5 decades, and the less used the higher its number.
struct World {
  ItemSets sets;
  std::vector<double> popularity;
};

World MakeWorld() {
  std::vector<ItemText> texts;
  std::vector<double> popularity;
  for (int i = 0; i < kItems; ++i) {
    texts.push_back({"",
                     {{"genre", "g" + std::to_string(i % 4)},
                      {"decade", std::to_string(1950 + 10 * (i / 4 % 5)) + "s"}}});
    popularity.push_back(1000.0 / (1 + i));
  }
  return {*ItemSets::Create(texts, popularity, ItemSetOptions(), Always), popularity};
}

int32_t SetNamed(const ItemSets& sets, const std::string& name) {
  for (int32_t set = 0; set < sets.size(); ++set) {
    if (sets.at(set).name == name) return set;
  }
  ADD_FAILURE() << name;
  return 0;
}

// Users like one genre, and items of about one popularity; some have several rows, some no history.
SampledRows RandomRows(uint64_t seed, int users) {
  Random random(seed, 6);
  SampledRows rows;
  for (int user = 0; user < users; ++user) {
    for (uint64_t row = 0; row <= random.Below(2); ++row) {
      Case made;
      made.user = user;
      made.ranked = {0};
      const auto liked = static_cast<int32_t>(random.Below(4));
      const uint64_t first = random.Below(30);
      const uint64_t count = random.Below(20) == 0 ? 0 : 3 + random.Below(12);
      for (uint64_t i = 0; i < count; ++i) {
        const auto item = static_cast<int32_t>(4 * (first + random.Below(10)));
        made.history.push_back(item + (random.Below(2) == 0 ? liked : item / 4 % 4));
      }
      rows.cases.push_back(std::move(made));
    }
  }
  return rows;
}

double ShareOf(const Case& row, const ItemSets& sets, int32_t set) {
  double held = 0;
  for (const int32_t item : row.history) held += sets.Holds(set, item) ? 1 : 0;
  return held / static_cast<double>(row.history.size());
}

// Mean over its history of each row that may be asked, as many standard deviations from that of all
// of them as it is; 0 for others.
template <typename ValueOf>
std::vector<double> Standard(const SampledRows& rows, const ValueOf& value_of) {
  std::vector<double> means(rows.cases.size());
  std::set<int32_t> seen;
  std::vector<size_t> asked;
  for (size_t row = 0; row < rows.cases.size(); ++row) {
    const Case& from = rows.cases[row];
    if (from.history.empty() || !seen.insert(from.user).second) continue;
    asked.push_back(row);
    for (const int32_t item : from.history) {
      means[row] += value_of(item) / static_cast<double>(from.history.size());
    }
  }
  double mean = 0;
  for (const size_t row : asked) mean += means[row] / static_cast<double>(asked.size());
  double variance = 0;
  for (const size_t row : asked) {
    variance += std::pow(means[row] - mean, 2) / static_cast<double>(asked.size());
  }
  for (const size_t row : asked) means[row] = (means[row] - mean) / std::sqrt(variance);
  return means;
}

TEST(HistoryPairsTest, NoUserTwiceAndAlikeButForTheSet) {
  const World world = MakeWorld();
  size_t found = 0;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const SampledRows rows = RandomRows(seed, 60 * static_cast<int>(seed + 1));
    const HistoryPairs pairs(rows, world.sets, world.popularity);
    const std::vector<double> popularity = Standard(rows, [&](int32_t item) {
      return std::log1p(world.popularity[static_cast<size_t>(item)]);
    });
    const std::vector<double> order = Standard(
        rows, [&](int32_t item) { return world.sets.Orders()[static_cast<size_t>(item)]; });
    for (int32_t set = 0; set < world.sets.size(); ++set) {
      bool of_popularity = false;
      bool of_order = false;
      for (const auto& [text, kind] : world.sets.at(set).terms) {
        of_popularity = of_popularity || kind == "popularity";
        of_order = of_order || kind == "decade";
      }
      std::set<int32_t> users;
      const std::vector<HistoryPair> of_set = pairs.Of(set);
      found += of_set.size();
      EXPECT_LE(of_set.size(), static_cast<size_t>(kMostPairs));
      for (const HistoryPair& pair : of_set) {
        const auto more = static_cast<size_t>(pair.more);
        const auto less = static_cast<size_t>(pair.less);
        EXPECT_TRUE(users.insert(rows.cases[more].user).second);
        EXPECT_TRUE(users.insert(rows.cases[less].user).second);
        EXPECT_GE(
            ShareOf(rows.cases[more], world.sets, set) - ShareOf(rows.cases[less], world.sets, set),
            kLeastDifference);
        const double p = of_popularity ? 0 : popularity[more] - popularity[less];
        const double o = of_order ? 0 : order[more] - order[less];
        EXPECT_LE(std::hypot(p, o), kCaliper + 1e-9) << world.sets.at(set).name;
      }
    }
  }
  EXPECT_GT(found, 5000u);
}

// What the set is about differs between the two by nature.
TEST(HistoryPairsTest, WhatTheSetIsAboutIsNotMatched) {
  const World world = MakeWorld();
  ASSERT_EQ(world.sets.order_key(), "decade");
  SampledRows rows;
  for (int user = 0; user < 300; ++user) {
    // Old and obscure, or new and known: either tells the other.
    const bool known = user % 2 == 0;
    Case made;
    made.user = user;
    for (int i = 0; i < 10; ++i) {
      made.history.push_back(known ? (user + i) % 4 : 104 + 20 * (i % 3) + i % 4);
    }
    rows.cases.push_back(std::move(made));
  }
  const HistoryPairs both(rows, world.sets, world.popularity);
  EXPECT_TRUE(both.Of(SetNamed(world.sets, "popular")).empty()) << "of two decades";
  EXPECT_TRUE(both.Of(SetNamed(world.sets, "1950s")).empty()) << "of two popularities";
  const HistoryPairs age(rows, world.sets, {});  // popularity is not known
  EXPECT_EQ(age.Of(SetNamed(world.sets, "1950s")).size(), 100u) << "a third of the users";
  EXPECT_TRUE(age.Of(SetNamed(world.sets, "popular")).empty());
}

TEST(HistoryPairsTest, FewAreTakenOfMany) {
  const World world = MakeWorld();
  SampledRows rows;
  for (int user = 0; user < 3000; ++user) {
    Case made;
    made.user = user;
    made.history = {user % 2 == 0 ? 4 : 5};
    rows.cases.push_back(std::move(made));
  }
  const std::vector<HistoryPair> pairs =
      HistoryPairs(rows, world.sets, {}).Of(SetNamed(world.sets, "g0"));
  EXPECT_EQ(pairs.size(), static_cast<size_t>(kMostPairs));
  for (const HistoryPair& pair : pairs) {
    EXPECT_LT(pair.more, 1000);
    EXPECT_LT(pair.less, 1000);
    EXPECT_EQ(rows.cases[static_cast<size_t>(pair.more)].history[0], 4);
  }
}

TEST(HistoryPairsTest, WithoutHistoriesOrDifferencesThereAreNone) {
  const World world = MakeWorld();
  EXPECT_TRUE(HistoryPairs({}, world.sets, {}).Of(0).empty());
  SampledRows rows;
  for (int user = 0; user < 30; ++user) {
    Case made;
    made.user = user;
    rows.cases.push_back(made);
  }
  EXPECT_TRUE(HistoryPairs(rows, world.sets, {}).Of(0).empty());
  for (Case& row : rows.cases) row.history = {0, 1, 2};
  EXPECT_TRUE(HistoryPairs(rows, world.sets, world.popularity).Of(0).empty());
}

}  // namespace
}  // namespace recsae::explainer
