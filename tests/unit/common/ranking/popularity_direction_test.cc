#include "common/ranking/popularity_direction.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace recsae {
namespace {

// Items whose first coordinate is the log of their count, and whose others are chance.
struct World {
  PredictionHead head;
  std::vector<int64_t> counts;
};

World MakeWorld(int items, int dim) {
  World world;
  world.head.dim = dim;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (int i = 0; i < items; ++i) {
    world.counts.push_back(static_cast<int64_t>(random() % 1000));
    for (int j = 0; j < dim; ++j) {
      world.head.vectors.push_back(j == 0 ? std::log(static_cast<float>(world.counts.back() + 1))
                                          : normal(random));
    }
  }
  return world;
}

TEST(PopularityDirectionTest, IsAlongWhatFollowsTheLogOfCounts) {
  const World world = MakeWorld(400, 5);
  const std::vector<double> direction = PopularityDirection(world.head, world.counts);
  ASSERT_EQ(direction.size(), 5u);
  EXPECT_NEAR(direction[0], 1, 1e-3);
  for (int j = 1; j < 5; ++j) EXPECT_NEAR(direction[j], 0, 0.02);
}

// Something that goes with popularity, but is told apart by another coordinate, is left alone.
TEST(PopularityDirectionTest, LeavesAloneWhatOnlyGoesWithPopularity) {
  World world = MakeWorld(400, 3);
  for (int i = 0; i < 400; ++i) {
    float* const vector = world.head.vectors.data() + size_t{3} * i;
    vector[1] += 2 * vector[0];  // popular items have much of it
  }
  const std::vector<double> direction = PopularityDirection(world.head, world.counts);
  EXPECT_GT(direction[0], 0.99);
  EXPECT_NEAR(direction[1], 0, 0.05);
}

TEST(PopularityDirectionTest, IsNotToldByItemsThatAreWithheld) {
  World world = MakeWorld(400, 4);
  const std::vector<double> without = PopularityDirection(world.head, world.counts);
  for (int extra = 0; extra < 50; ++extra) {
    world.head.withheld.push_back(world.head.items());
    world.counts.push_back(100'000);
    world.head.vectors.insert(world.head.vectors.end(), {-50, 30, 20, 10});
  }
  EXPECT_EQ(PopularityDirection(world.head, world.counts), without);
}

TEST(PopularityDirectionTest, IsEmptyWhereNothingTells) {
  World world = MakeWorld(50, 4);
  EXPECT_TRUE(PopularityDirection(world.head, {}).empty());
  const std::vector<int64_t> none(50, 0), equal(50, 7);
  EXPECT_TRUE(PopularityDirection(world.head, none).empty());
  EXPECT_TRUE(PopularityDirection(world.head, equal).empty());
  world.head.dim = kMaxPopularityDim + 1;
  world.head.vectors.assign(world.head.dim, 1.0f);
  EXPECT_TRUE(PopularityDirection(world.head, std::vector<int64_t>{3}).empty());
}

}  // namespace
}  // namespace recsae
