// Figures of lists that can be counted by hand.
#include "services/explainer/steered/figures.h"

#include <gtest/gtest.h>

#include <cmath>

namespace recsae::explainer {
namespace {

// Items 0 to 19; those below 5 are red, the even ones large.
std::vector<ItemText> Items() {
  std::vector<ItemText> items;
  for (int i = 0; i < 20; ++i) {
    items.push_back({"", {{"colour", i < 5 ? "red" : "blue"}}});
    if (i % 2 == 0) items.back().attributes.emplace_back("size", "large");
  }
  return items;
}

std::vector<int32_t> From(int32_t first) {
  std::vector<int32_t> ten;
  for (int32_t i = 0; i < 10; ++i) ten.push_back((first + i) % 20);
  return ten;
}

SteeredRows Rows(int count) {
  SteeredRows rows;
  for (int i = 0; i < count; ++i) {
    SteeredCase& row = rows.cases.emplace_back();
    row.user = i;
    row.target = 0;
    row.history = {i % 3, 7};
  }
  return rows;
}

TEST(Attributes, AreFoundAndCounted) {
  const Attributes attributes(Items());
  ASSERT_EQ(attributes.size(), 3);
  const int red = attributes.Find({"colour", "red"});
  EXPECT_EQ(attributes.Find({"colour", "green"}), -1);
  EXPECT_EQ(attributes.ItemsWith(red), (std::vector<int32_t>{0, 1, 2, 3, 4}));
  EXPECT_TRUE(attributes.Has(4, red));
  EXPECT_FALSE(attributes.Has(5, red));
  EXPECT_EQ(attributes.ShareOf(From(0), red), 0.5);
  EXPECT_EQ(attributes.ShareOf({}, red), 0);
}

TEST(Figures, AreCounted) {
  const Attributes attributes(Items());
  const int red = attributes.Find({"colour", "red"});
  const SteeredRows rows = Rows(2);
  const ItemPopularity popularity = PopularityAmong(rows, 20);
  const Lists unsteered = {{From(5), From(3)}, {12, 1}};  // none and two red
  const Lists steered = {{From(0), From(0)}, {1, 2}};
  const FigureMaker maker(rows, attributes, popularity, {}, unsteered);
  const Figures figures = maker.Make(steered, red);
  EXPECT_DOUBLE_EQ(figures.share.value, 0.5);
  EXPECT_NEAR(figures.share_change.value, 0.4, 1e-12);
  EXPECT_NEAR(figures.ndcg.value, (1 + 1 / std::log2(3)) / 2, 1e-12);
  EXPECT_NEAR(figures.ndcg_kept.value, 1 + 1 / std::log2(3), 1e-12);
  EXPECT_EQ(figures.hr, 1);
  EXPECT_DOUBLE_EQ(figures.mrr, 0.75);
  EXPECT_DOUBLE_EQ(figures.coverage, 0.5);
  EXPECT_DOUBLE_EQ(figures.inter_list_diversity, 0);
  // As many blue items left as red ones came.
  EXPECT_EQ(attributes.name(figures.side_attribute), Attributes::Name("colour", "blue"));
  EXPECT_NEAR(figures.side_change, -0.4, 1e-12);
  EXPECT_NEAR(maker.GainDifference(steered, unsteered).value,
              figures.ndcg.value - maker.Make(unsteered, -1).ndcg.value, 1e-12);
}

TEST(Figures, WithoutSteeringNothingChanges) {
  const Attributes attributes(Items());
  const SteeredRows rows = Rows(3);
  const ItemPopularity popularity = PopularityAmong(rows, 20);
  const Lists lists = {{From(1), From(2), From(9)}, {3, 5, 11}};
  const FigureMaker maker(rows, attributes, popularity, {}, lists);
  const Figures figures = maker.Make(lists, 0);
  EXPECT_EQ(figures.share_change.value, 0);
  EXPECT_DOUBLE_EQ(figures.ndcg_kept.value, 1);
  EXPECT_DOUBLE_EQ(figures.ndcg_kept.low, 1);
  EXPECT_EQ(figures.side_attribute, -1);
  EXPECT_GT(figures.inter_list_diversity, 0);
}

TEST(PopularityAmong, CountsUsersNotRows) {
  SteeredRows rows = Rows(3);
  rows.cases.push_back(rows.cases[0]);
  const ItemPopularity popularity = PopularityAmong(rows, 20);
  ASSERT_TRUE(popularity.known());
  // 7 was seen by three, 0 by one, 15 by nobody.
  EXPECT_LT(popularity.Information(7), popularity.Information(0));
  EXPECT_LT(popularity.Information(0), popularity.Information(15));
  EXPECT_EQ(popularity.Information(1), popularity.Information(0));
}

}  // namespace
}  // namespace recsae::explainer
