// What everyone gets and what is a user's own add up to the score, and are what they say.
#include "services/explainer/attribution/personal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

#include "common/ranking/ranking.h"
#include "services/explainer/attribution/attribution.h"
#include "tests/unit/explainer/random_model.h"

namespace recsae::explainer {
namespace {

constexpr int kDim = 12;
constexpr int kLatents = 40;
constexpr int kUsers = 60;

double Sum(const PersonalParts<double>& parts) {
  double sum = parts.everyone + parts.absent + parts.unexplained;
  for (const double group : parts.groups) sum += group;
  return sum;
}

// Users, and the means over them in plain loops.
struct Population {
  explicit Population(uint64_t seed)
      : random(seed),
        sae(*sae::SaeModel::Create(RandomWeights(kDim, kLatents, 4, 1.5F, random))),
        head(RandomHead(kDim, 80, /*biases=*/true, random)) {
    std::vector<double> activation(kDim), reconstruction(kDim);
    for (int u = 0; u < kUsers; ++u) {
      users.push_back(RandomVector(kDim, random, 1.3F));
      codes.push_back(sae.Encode(users.back().data()));
      std::vector<float> decoded(kDim);
      sae.Decode(codes.back(), decoded.data());
      for (int i = 0; i < kDim; ++i) {
        activation[i] += users.back()[i] / static_cast<double>(kUsers);
        reconstruction[i] += decoded[i] / static_cast<double>(kUsers);
      }
      for (const auto& [latent, value] : codes.back()) mean[latent] += value / kUsers;
    }
    means.activation.assign(activation.begin(), activation.end());
    means.reconstruction.assign(reconstruction.begin(), reconstruction.end());
  }

  // The active latents of a user in groups of those whose numbers have the same remainder; all of
  // such a remainder belong to one.
  std::vector<LatentGroup> GroupsOf(int user) const {
    std::set<int32_t> remainders;
    for (const auto& active : codes[user]) remainders.insert(active.latent % 9);
    std::vector<LatentGroup> groups;
    for (const int32_t remainder : remainders) {
      LatentGroup& group = groups.emplace_back();
      for (int32_t latent = remainder; latent < kLatents; latent += 9) {
        const auto found = mean.find(latent);
        group.push_back({latent, found == mean.end() ? 0 : found->second});
      }
    }
    return groups;
  }

  std::mt19937_64 random;
  sae::SaeModel sae;
  PredictionHead head;
  std::vector<std::vector<float>> users;
  std::vector<std::vector<sae::LatentActivation>> codes;
  std::map<int32_t, double> mean;
  BaselineMeans means;
};

TEST(SplitActivationTest, PartsAddUpToTheScoreAndEveryonesIsItsMean) {
  const Population population(5);
  for (int item = 0; item < 80; item += 7) {
    double mean_score = 0;
    for (const auto& x : population.users) {
      mean_score += Score(population.head, x, item) / kUsers;
    }
    for (int user = 0; user < kUsers; ++user) {
      const std::vector<float>& x = population.users[user];
      const auto groups = population.GroupsOf(user);
      const auto parts = SplitScore(
          SplitActivation(population.sae, x, population.codes[user], groups, population.means),
          population.head, item);
      const double score = Score(population.head, x, item);
      EXPECT_NEAR(Sum(parts), score, 1e-4 * (1 + std::abs(score)));
      EXPECT_NEAR(parts.everyone, mean_score, 1e-5 * (1 + std::abs(mean_score)));
    }
  }
}

TEST(SplitActivationTest, WhatIsPersonalHasMeanZeroOverUsers) {
  const Population population(6);
  for (int item = 0; item < 80; item += 11) {
    double through = 0, unexplained = 0;
    for (int user = 0; user < kUsers; ++user) {
      const auto parts =
          SplitScore(SplitActivation(population.sae, population.users[user], population.codes[user],
                                     population.GroupsOf(user), population.means),
                     population.head, item);
      unexplained += parts.unexplained / kUsers;
      through += parts.absent / kUsers;
      for (const double group : parts.groups) through += group / kUsers;
    }
    EXPECT_NEAR(through, 0, 1e-5);
    EXPECT_NEAR(unexplained, 0, 1e-5);
  }
}

TEST(SplitActivationTest, AGroupIsItsLatentsAboveTheirMeans) {
  const Population population(7);
  const int user = 3, item = 12;
  const auto groups = population.GroupsOf(user);
  const auto parts = SplitScore(SplitActivation(population.sae, population.users[user],
                                                population.codes[user], groups, population.means),
                                population.head, item);
  for (size_t g = 0; g < groups.size(); ++g) {
    double expected = 0;
    for (const auto& [latent, mean] : groups[g]) {
      double z = 0;
      for (const auto& active : population.codes[user]) {
        if (active.latent == latent) z = active.value;
      }
      double product = 0;
      for (int i = 0; i < kDim; ++i) {
        product += static_cast<double>(population.sae.Direction(latent)[i]) *
                   population.head.Vector(item)[i];
      }
      expected += (z - mean) * product;
    }
    EXPECT_NEAR(parts.groups[g], expected, 1e-9);
  }
}

TEST(SplitActivationTest, TheMeanUserHasNothingOfTheirOwnButTheSaesError) {
  const Population population(8);
  const std::vector<float>& x = population.means.activation;
  const auto code = population.sae.Encode(x.data());
  std::vector<LatentGroup> groups;
  for (const auto& active : code) groups.push_back({{active.latent, active.value}});
  const auto parts = SplitScore(SplitActivation(population.sae, x, code, groups, population.means),
                                population.head, 1);
  for (const double group : parts.groups) EXPECT_NEAR(group, 0, 1e-6);
  EXPECT_NEAR(parts.absent, -parts.unexplained, 1e-5);
}

TEST(ConceptShareTest, WeighsConceptsAgainstWhatNoneTells) {
  PersonalParts<double> parts;
  EXPECT_EQ(ConceptShare(parts), 0);
  parts.groups = {1.0, -0.25};
  parts.absent = 0.25;
  parts.unexplained = -3;
  EXPECT_DOUBLE_EQ(ConceptShare(parts), 0.25);
}

TEST(DifferenceTest, IsThatOfEachPart) {
  const PersonalParts<double> a{1, {2, 3}, 4, 5}, b{0.5, {1, 5}, 1, 2};
  const PersonalParts<double> difference = Difference(a, b);
  EXPECT_EQ(difference.everyone, 0.5);
  EXPECT_EQ(difference.groups, (std::vector<double>{1, -2}));
  EXPECT_EQ(difference.absent, 3);
  EXPECT_EQ(difference.unexplained, 3);
}

}  // namespace
}  // namespace recsae::explainer
