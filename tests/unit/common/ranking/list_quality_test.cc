#include "common/ranking/list_quality.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <vector>

namespace recsae {
namespace {

using Attributes = std::vector<std::vector<int32_t>>;

TEST(ItemPopularityTest, HeadIsTheFewestItemsThatHoldFourFifths) {
  // 100 interactions: 50 + 25 are not yet 80, with 10 more they are.
  const ItemPopularity popularity(std::vector<int64_t>{10, 50, 5, 25, 10, 0});
  EXPECT_TRUE(popularity.known());
  EXPECT_EQ(popularity.head_items(), 3);
  EXPECT_FALSE(popularity.InTail(1));
  EXPECT_FALSE(popularity.InTail(3));
  EXPECT_FALSE(popularity.InTail(0));  // the lower index of two with 10
  EXPECT_TRUE(popularity.InTail(4));
  EXPECT_TRUE(popularity.InTail(2));
  EXPECT_TRUE(popularity.InTail(5));
}

TEST(ItemPopularityTest, AnItemNobodyTouchedHasFiniteInformation) {
  const ItemPopularity popularity(std::vector<int64_t>{3, 1, 0, 0});
  EXPECT_DOUBLE_EQ(popularity.Information(0), 1);  // 4 of 8
  EXPECT_DOUBLE_EQ(popularity.Information(1), 2);
  EXPECT_DOUBLE_EQ(popularity.Information(2), 3);
}

TEST(ItemPopularityTest, NothingIsKnownWithoutInteractions) {
  EXPECT_FALSE(ItemPopularity(std::vector<int64_t>{0, 0}).known());
  EXPECT_FALSE(ItemPopularity(std::vector<int64_t>{}).known());
}

TEST(GiniIndexTest, IsNoughtWhereAllAreEqualAndHighestWhereOneHasAll) {
  EXPECT_DOUBLE_EQ(GiniIndex(std::vector<int64_t>{4, 4, 4}), 0);
  EXPECT_DOUBLE_EQ(GiniIndex(std::vector<int64_t>{0, 9, 0, 0}), 0.75);
  EXPECT_DOUBLE_EQ(GiniIndex(std::vector<int64_t>{0, 0}), 0);
  EXPECT_DOUBLE_EQ(GiniIndex(std::vector<int64_t>{}), 0);
}

TEST(IntraListDiversityTest, LeavesOutPairsWithAnItemThatHasNoAttributes) {
  const Attributes attributes = {{1, 2}, {1, 2}, {3}, {}, {2, 5, 7}};
  EXPECT_DOUBLE_EQ(*IntraListDiversity({0, 1}, attributes), 0);
  EXPECT_DOUBLE_EQ(*IntraListDiversity({0, 2}, attributes), 1);
  EXPECT_DOUBLE_EQ(*IntraListDiversity({0, 4}, attributes), 0.75);
  EXPECT_DOUBLE_EQ(*IntraListDiversity({0, 3, 2}, attributes), 1);
  EXPECT_FALSE(IntraListDiversity({0, 3}, attributes).has_value());
  EXPECT_FALSE(IntraListDiversity({0}, attributes).has_value());
  EXPECT_FALSE(IntraListDiversity({}, attributes).has_value());
}

TEST(ListQualityTest, LeavesOutOfTheCatalogueWhatIsWithheld) {
  const ItemPopularity popularity(std::vector<int64_t>{1, 1, 1, 1});
  const Attributes attributes(4);
  ListQuality quality(popularity, attributes, {3});
  quality.Add({0, 1});
  EXPECT_DOUBLE_EQ(quality.coverage(), 2.0 / 3);
  quality.Add({2, 0});
  EXPECT_DOUBLE_EQ(quality.coverage(), 1);
  EXPECT_DOUBLE_EQ(quality.gini(), GiniIndex({2, 1, 1}));
  EXPECT_FALSE(quality.diversity().has_value());
}

TEST(ListQualityTest, SaysWhatIsUnknownAndCountsNoEmptyList) {
  const ItemPopularity popularity(std::vector<int64_t>{0, 0});
  const Attributes attributes = {{1}, {2}};
  ListQuality quality(popularity, attributes, {});
  const ListFigures nothing = quality.Add({});
  EXPECT_FALSE(nothing.novelty || nothing.tail_share || nothing.diversity);
  EXPECT_EQ(quality.lists(), 0);
  EXPECT_DOUBLE_EQ(quality.gini(), 0);
  const ListFigures both = quality.Add({0, 1});
  EXPECT_FALSE(both.novelty || both.tail_share);
  EXPECT_DOUBLE_EQ(*both.diversity, 1);
  EXPECT_FALSE(quality.novelty() || quality.tail_share());
  EXPECT_DOUBLE_EQ(*quality.diversity(), 1);
}

// The definitions once more, by loops over all lists and all pairs.
struct Naive {
  std::vector<int64_t> counts;
  Attributes attributes;
  std::vector<std::vector<int32_t>> lists;

  double Coverage() const {
    std::set<int32_t> shown;
    for (const auto& list : lists) shown.insert(list.begin(), list.end());
    return static_cast<double>(shown.size()) / static_cast<double>(counts.size());
  }
  // Half the mean difference of two items' exposures over their mean.
  double Gini() const {
    std::vector<double> exposure(counts.size());
    for (const auto& list : lists) {
      for (const int32_t item : list) exposure[item] += 1;
    }
    double differences = 0;
    double sum = 0;
    for (const double a : exposure) {
      sum += a;
      for (const double b : exposure) differences += std::abs(a - b);
    }
    return differences / (2 * static_cast<double>(exposure.size()) * sum);
  }
  double Novelty() const {
    double all = static_cast<double>(counts.size());
    for (const int64_t count : counts) all += static_cast<double>(count);
    double sum = 0;
    for (const auto& list : lists) {
      double of_list = 0;
      for (const int32_t item : list) {
        of_list -= std::log2(static_cast<double>(counts[item] + 1) / all);
      }
      sum += of_list / static_cast<double>(list.size());
    }
    return sum / static_cast<double>(lists.size());
  }
  // An item is in the tail where the items before it hold four fifths already.
  double TailShare() const {
    double all = 0;
    for (const int64_t count : counts) all += static_cast<double>(count);
    double sum = 0;
    for (const auto& list : lists) {
      double tail = 0;
      for (const int32_t item : list) {
        double before = 0;
        for (size_t other = 0; other < counts.size(); ++other) {
          const bool more_popular =
              counts[other] > counts[item] ||
              (counts[other] == counts[item] && other < static_cast<size_t>(item));
          before += more_popular ? static_cast<double>(counts[other]) : 0;
        }
        tail += before >= 0.8 * all ? 1 : 0;
      }
      sum += tail / static_cast<double>(list.size());
    }
    return sum / static_cast<double>(lists.size());
  }
  double Diversity() const {
    double sum = 0;
    int64_t lists_with_pairs = 0;
    for (const auto& list : lists) {
      double distances = 0;
      int64_t pairs = 0;
      for (size_t i = 0; i < list.size(); ++i) {
        for (size_t j = 0; j < i; ++j) {
          const std::set<int32_t> a(attributes[list[i]].begin(), attributes[list[i]].end());
          std::set<int32_t> both(attributes[list[j]].begin(), attributes[list[j]].end());
          if (a.empty() || both.empty()) continue;
          double shared = 0;
          for (const int32_t x : a) shared += both.contains(x) ? 1 : 0;
          both.insert(a.begin(), a.end());
          distances += 1 - shared / static_cast<double>(both.size());
          ++pairs;
        }
      }
      if (pairs == 0) continue;
      sum += distances / static_cast<double>(pairs);
      ++lists_with_pairs;
    }
    return sum / static_cast<double>(lists_with_pairs);
  }
};

TEST(ListQualityTest, IsWhatNaiveLoopsOverAllListsSay) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    Naive naive;
    const int items = 20 + static_cast<int>(random() % 60);
    for (int i = 0; i < items; ++i) {
      naive.counts.push_back(static_cast<int64_t>(random() % (random() % 200 + 1)));
      std::set<int32_t> of_item;
      for (size_t a = random() % 4; a > 0; --a) of_item.insert(static_cast<int32_t>(random() % 8));
      naive.attributes.emplace_back(of_item.begin(), of_item.end());
    }
    const ItemPopularity popularity(naive.counts);
    ListQuality quality(popularity, naive.attributes, {});
    std::vector<int32_t> all(items);
    for (int i = 0; i < items; ++i) all[i] = i;
    for (int user = 0; user < 30; ++user) {
      std::shuffle(all.begin(), all.end(), random);
      naive.lists.emplace_back(all.begin(), all.begin() + 1 + random() % 10);
      quality.Add(naive.lists.back());
    }
    EXPECT_EQ(quality.lists(), 30);
    EXPECT_NEAR(quality.coverage(), naive.Coverage(), 1e-12);
    EXPECT_NEAR(quality.gini(), naive.Gini(), 1e-12);
    EXPECT_NEAR(*quality.novelty(), naive.Novelty(), 1e-9);
    EXPECT_NEAR(*quality.tail_share(), naive.TailShare(), 1e-12);
    EXPECT_NEAR(*quality.diversity(), naive.Diversity(), 1e-9);
  }
}

}  // namespace
}  // namespace recsae
