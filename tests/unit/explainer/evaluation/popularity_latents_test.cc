#include "services/explainer/evaluation/popularity_latents.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "common/base/status.h"

namespace recsae::explainer {
namespace {

constexpr int kItems = 100;
constexpr int kLatents = 6;

absl::Status Alive() { return absl::OkStatus(); }

// Latent 0 fires with popular lists, 1 with unpopular ones, 2 to 4 by chance, 5 never. Item i has
// 10 (i + 1) interactions.
struct World {
  PopularityRows rows;
  std::vector<int64_t> counts;
};

World MakeWorld(bool popularity_matters) {
  World world;
  std::mt19937 random(3);
  for (int i = 0; i < kItems; ++i) world.counts.push_back(10 * (i + 1));
  for (int row = 0; row < 600; ++row) {
    const bool popular = random() % 2 == 0;
    std::vector<int32_t> recommended, read;
    for (int i = 0; i < 10; ++i) {
      const auto half = static_cast<int32_t>(random() % (kItems / 2));
      recommended.push_back(half + (popular ? kItems / 2 : 0));
      read.push_back(static_cast<int32_t>(random() % (kItems / 2)) + (popular ? kItems / 2 : 0));
    }
    LatentCode code;
    const bool fires = popularity_matters ? popular : random() % 2 == 0;
    code.push_back({fires ? 0 : 1, 1.0f + static_cast<float>(random() % 100) / 1000});
    code.push_back({2 + static_cast<int32_t>(random() % 3), static_cast<float>(random() % 9 + 1)});
    world.rows.codes.push_back(code);
    world.rows.recommended.push_back(recommended);
    world.rows.read.push_back(read);
  }
  return world;
}

TEST(CohensDTest, IsTheDifferenceOfMeansOverTheDeviation) {
  const std::vector<LatentCode> high = {{{0, 3.0f}}, {{0, 5.0f}}};
  const std::vector<LatentCode> low = {{{0, 1.0f}}, {}};
  const std::vector<double> effects = CohensD({&high[0], &high[1]}, {&low[0], &low[1]}, 2);
  EXPECT_NEAR(effects[0], (4 - 0.5) / std::sqrt((1 + 0.25) / 2), 1e-12);
  EXPECT_EQ(effects[1], 0);
}

TEST(PopularityLatentsTest, FindsThoseThatGoWithPopularityAndNoOthers) {
  const World world = MakeWorld(true);
  const auto found = FindPopularityLatents(world.rows, {}, world.counts, kLatents, 1, Alive);
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->latents.size(), static_cast<size_t>(kLatents));
  EXPECT_FALSE(found->made_up);
  EXPECT_EQ(found->profiles, 60);
  for (int place = 0; place < 2; ++place) {
    const LatentPopularity& latent = found->latents[place];
    const double sign = latent.latent == 0 ? 1 : -1;
    EXPECT_LE(latent.latent, 1);
    EXPECT_GT(sign * latent.recommended_correlation, 0.9);
    EXPECT_GT(sign * latent.read_correlation, 0.9);
    EXPECT_GT(sign * latent.effect, 5);
    EXPECT_GT(std::abs(latent.recommended_correlation), found->shuffled_correlation);
  }
  EXPECT_LT(std::abs(found->latents[2].recommended_correlation), 0.2);
  EXPECT_EQ(found->latents[5].latent, 5);
  EXPECT_EQ(found->latents[5].effect, 0);
}

TEST(PopularityLatentsTest, WhatGoesWithNothingStaysWithinTheControl) {
  const World world = MakeWorld(false);
  const auto found = FindPopularityLatents(world.rows, {}, world.counts, kLatents, 1, Alive);
  ASSERT_TRUE(found.ok());
  EXPECT_LT(std::abs(found->latents[0].recommended_correlation), 0.2);
  EXPECT_LT(found->shuffled_correlation, 0.2);
}

TEST(PopularityLatentsTest, ComparesProfilesThatWereMadeUp) {
  const World world = MakeWorld(true);
  const PopularityProfiles profiles = {{{{3, 2.0f}}, {{3, 4.0f}}}, {{{3, 1.0f}}, {}}};
  const auto found = FindPopularityLatents(world.rows, profiles, world.counts, kLatents, 1, Alive);
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->made_up);
  EXPECT_EQ(found->profiles, 2);
  for (const LatentPopularity& latent : found->latents) {
    EXPECT_EQ(latent.effect != 0, latent.latent == 3);
  }
}

TEST(PopularityLatentsTest, PassesOverRowsWithoutItems) {
  World world = MakeWorld(true);
  world.rows.recommended[0].clear();
  for (auto& read : world.rows.read) read.clear();
  const auto found = FindPopularityLatents(world.rows, {}, world.counts, kLatents, 1, Alive);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->profiles, 0);
  EXPECT_EQ(found->latents[0].read_correlation, 0);
  EXPECT_GT(std::abs(found->latents[0].recommended_correlation), 0.9);
}

TEST(PopularityLatentsTest, EndsWhenToldTo) {
  const World world = MakeWorld(true);
  const auto found = FindPopularityLatents(world.rows, {}, world.counts, kLatents, 1, [] {
    return Error(absl::StatusCode::kCancelled, "CANCELLED", "enough");
  });
  EXPECT_EQ(found.status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace recsae::explainer
