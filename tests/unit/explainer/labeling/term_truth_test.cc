// What a description says of an item is true where the set that it names holds the item.
#include "services/explainer/labeling/term_truth.h"

#include <gtest/gtest.h>

#include "services/explainer/labeling/item_sets.h"

namespace recsae::explainer {
namespace {

const ItemText kAlien = {"Alien (1979)",
                         {{"genre", "Horror"}, {"genre", "Sci-Fi"}, {"decade", "1970s"}}};
const ItemText kAliens = {"Aliens (1986)", {{"genre", "Action"}, {"decade", "1980s"}}};

TEST(HasAllTest, AValueARangeAndWords) {
  EXPECT_TRUE(HasAll({{"Horror", "genre"}}, kAlien));
  EXPECT_FALSE(HasAll({{"Horror", "genre"}}, kAliens));
  EXPECT_FALSE(HasAll({{"Horror", "decade"}}, kAlien));
  EXPECT_TRUE(HasAll({{"1970s-1980s", "decade"}, {"Sci-Fi", "genre"}}, kAlien));
  EXPECT_TRUE(HasAll({{"1960s-2000s", "decade"}}, kAlien));
  EXPECT_FALSE(HasAll({{"1990s-2000s", "decade"}}, kAlien));
  EXPECT_TRUE(HasAll({{"alien", "word"}}, kAlien));
  EXPECT_FALSE(HasAll({{"alien", "word"}}, kAliens));
}

TEST(HasAllTest, PopularityAndNothingAreNotTrue) {
  EXPECT_FALSE(HasAll({}, kAlien));
  EXPECT_FALSE(HasAll({{"hit", "popularity"}}, kAlien));
  EXPECT_FALSE(HasAll({{"hit", "popularity"}, {"Horror", "genre"}}, kAlien));
}

// Against the sets themselves, whatever their terms.
TEST(HasAllTest, AgreesWithTheSetsThatDescriptionsAreMadeOf) {
  std::vector<ItemText> items;
  for (int i = 0; i < 400; ++i) {
    ItemText& item = items.emplace_back();
    item.title = std::string(i % 3 == 0 ? "Star" : "Night") + (i % 7 == 0 ? " Trek " : " Of ") +
                 std::string(1, static_cast<char>('A' + i % 26)) + std::to_string(i);
    item.attributes.push_back({"genre", i % 5 == 0 ? "Sci-Fi" : i % 2 == 0 ? "Drama" : "Comedy"});
    if (i % 11 == 0) item.attributes.push_back({"genre", "Horror"});
    item.attributes.push_back({"decade", std::to_string(1950 + 10 * (i % 6)) + "s"});
    if (i % 4 != 0) item.attributes.push_back({"rating", std::to_string(i % 9 - 4)});
  }
  const auto sets = ItemSets::Create(items, {}, ItemSetOptions(), [] { return absl::OkStatus(); });
  ASSERT_TRUE(sets.ok()) << sets.status();
  ASSERT_GT(sets->size(), 50);
  for (int set = 0; set < sets->size(); ++set) {
    for (int item = 0; item < sets->items(); ++item) {
      ASSERT_EQ(HasAll(sets->at(set).terms, items[item]), sets->Holds(set, item))
          << sets->at(set).name << ": " << items[item].title;
    }
  }
}

}  // namespace
}  // namespace recsae::explainer
