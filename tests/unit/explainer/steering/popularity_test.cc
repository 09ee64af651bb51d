#include "services/explainer/steering/popularity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "services/explainer/steering/popularity_words.h"

namespace recsae::explainer {
namespace {

// Item i has 4 (i + 1) interactions; the first coordinate goes with popularity, the second not.
struct World {
  PredictionHead head;
  std::vector<int64_t> counts;
};

World MakeWorld() {
  World world;
  world.head.dim = 2;
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 200; ++i) {
    world.counts.push_back(4 * (i + 1));
    world.head.vectors.push_back(static_cast<float>(i) / 100 - 1);
    world.head.vectors.push_back(normal(random));
  }
  return world;
}

TEST(PopularityOfTest, IsTheMeanOverTheItems) {
  const ItemPopularity popularity(std::vector<int64_t>{7, 3, 1, 1});  // 16 with one more each
  const auto of = PopularityOf({0, 2}, popularity);
  ASSERT_TRUE(of.has_value());
  EXPECT_DOUBLE_EQ(of->novelty, (1 + 3) / 2.0);
  EXPECT_DOUBLE_EQ(of->tail_share, 0.5);
  EXPECT_FALSE(PopularityOf({}, popularity).has_value());
}

TEST(StepsTowardsTest, MeetsWhatIsAskedFor) {
  const World world = MakeWorld();
  const ItemPopularity popularity(world.counts);
  const std::vector<float> user = {0.3f, 1.0f};
  const std::vector<double> step = {0.5, 0};
  const auto information = [&](double steps) {
    const std::vector<float> moved = {user[0] + static_cast<float>(steps * step[0]), user[1]};
    return PopularityOf(FirstTen(world.head, moved, {}), popularity)->novelty;
  };
  for (const double wanted : {-3.0, -1.0, 0.5, 2.0}) {
    const double target = information(wanted);
    const double steps = StepsTowards(target, world.head, user, step, {}, popularity);
    EXPECT_NEAR(information(steps), target, 0.1) << wanted;
    EXPECT_LE(std::abs(information(steps) - target), std::abs(information(0) - target));
  }
}

TEST(StepsTowardsTest, TakesNoStepWhereItIsThereAlready) {
  const World world = MakeWorld();
  const ItemPopularity popularity(world.counts);
  const std::vector<float> user = {0.3f, 1.0f};
  const auto now = PopularityOf(FirstTen(world.head, user, {}), popularity);
  EXPECT_EQ(StepsTowards(now->novelty, world.head, user, {0.5, 0}, {}, popularity), 0);
}

TEST(StepsTowardsTest, GoesNoFurtherThanItMay) {
  const World world = MakeWorld();
  const ItemPopularity popularity(world.counts);
  const std::vector<float> user = {0.3f, 1.0f};
  const double far = StepsTowards(100, world.head, user, {0.2, 0}, {}, popularity);
  EXPECT_LT(far, -1);
  EXPECT_GE(far, -kMostOwnSteps);
}

TEST(FirstTenTest, LeavesOutWhatIsExcluded) {
  const World world = MakeWorld();
  const std::vector<float> user = {1.0f, 0.0f};
  EXPECT_EQ(FirstTen(world.head, user, {})[0], 199);
  EXPECT_EQ(FirstTen(world.head, user, {199, 197})[0], 198);
  EXPECT_EQ(FirstTen(world.head, user, {199, 197}).size(), 10u);
}

double Steps(const char* text) {
  const std::vector<Wish> wishes = ParseWishes(text);
  return wishes.size() == 1 ? PopularitySteps(wishes[0]) : 99;
}

TEST(PopularityWordsTest, SayWhichWayAndHowFar) {
  for (const char* text :
       {"less popular", "more niche", "hidden gems", "less mainstream", "show me hidden gems",
        "I want more obscure movies", "fewer blockbusters", "less well-known films", "lesser known",
        "too many hits", "I'd like more underrated films", "not so popular", "long tail"}) {
    EXPECT_EQ(Steps(text), -1) << text;
  }
  for (const char* text : {"more mainstream", "more popular", "popular movies", "less niche",
                           "fewer obscure films", "blockbusters", "I like famous movies"}) {
    EXPECT_EQ(Steps(text), 1) << text;
  }
  for (const char* text : {"no blockbusters", "nothing popular", "not mainstream"}) {
    EXPECT_EQ(Steps(text), -2) << text;
  }
}

TEST(PopularityWordsTest, LeaveConceptsToTheConcepts) {
  for (const char* text : {"popular comedies", "horror", "less gore", "no musicals",
                           "known"
                           " 1980s action",
                           "indie"}) {
    EXPECT_EQ(Steps(text), 0) << text;
  }
}

}  // namespace
}  // namespace recsae::explainer
