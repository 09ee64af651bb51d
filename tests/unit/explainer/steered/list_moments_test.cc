// Moments of lists against differences of chances that are computed the plain way.
#include "services/explainer/steered/list_moments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/unit/explainer/random_model.h"

namespace recsae::explainer {
namespace {

constexpr int kDim = 5;
constexpr int kItems = 120;

absl::Status Go() { return absl::OkStatus(); }

struct World {
  PredictionHead head;
  SteeredRows rows;
  std::vector<ItemText> items;

  explicit World(uint64_t seed) {
    std::mt19937_64 random(seed);
    head = RandomHead(kDim, kItems, true, random);
    rows.dim = kDim;
    rows.activations = RandomVector(static_cast<size_t>(kDim) * 12, random);
    for (int i = 0; i < 12; ++i) {
      SteeredCase& row = rows.cases.emplace_back();
      row.user = i;
      row.excluded = {i, i + 20, i + 50};
      for (int r = 0; r < 10; ++r) row.ranked.push_back((i * 11 + r * 5) % kItems);
    }
    for (int i = 0; i < kItems; ++i) {
      items.push_back({"", {{"colour", i % 3 == 0 ? "red" : "blue"}}});
      if (i % 7 == 0) items.back().attributes.emplace_back("size", "large");
    }
  }

  std::vector<double> Chances(int row, const std::vector<double>& moved_by, double t) const {
    std::vector<double> chances(kItems);
    double sum = 0;
    for (int item = 0; item < kItems; ++item) {
      double score = head.Bias(item);
      for (int d = 0; d < kDim; ++d) {
        score += (rows.Row(row)[d] + moved_by[d]) * head.Vector(item)[d];
      }
      const auto& excluded = rows.cases[row].excluded;
      const bool out = std::count(excluded.begin(), excluded.end(), item) > 0;
      chances[item] = out ? 0 : std::exp(score / t);
      sum += chances[item];
    }
    for (double& chance : chances) chance /= sum;
    return chances;
  }

  // The temperature at which the first ten have a fifth of all.
  double Temperature() const {
    double low = 1e-3, high = 1e3;
    for (int step = 0; step < 60; ++step) {
      const double t = std::sqrt(low * high);
      double mass = 0;
      for (int row = 0; row < 12; ++row) {
        std::vector<double> chances = Chances(row, std::vector<double>(kDim), t);
        std::sort(chances.rbegin(), chances.rend());
        for (int i = 0; i < 10; ++i) mass += chances[i] / 12;
      }
      (mass > kShownMass ? low : high) = t;
    }
    return low;
  }
};

TEST(MomentsOfScores, AreTheGradientAndTheDivergence) {
  const World world(3);
  const Attributes attributes(world.items);
  const std::vector<int32_t> chosen = {attributes.Find({"colour", "red"}),
                                       attributes.Find({"size", "large"})};
  const auto moments = MomentsOfScores(world.head, world.rows, attributes, chosen, Go);
  ASSERT_TRUE(moments.ok());
  const double t = world.Temperature();
  std::mt19937_64 random(4);
  for (int trial = 0; trial < 3; ++trial) {
    std::vector<double> by(kDim), back(kDim);
    for (int d = 0; d < kDim; ++d) {
      by[d] = 1e-3 * std::normal_distribution<>()(random);
      back[d] = -by[d];
    }
    double divergence = 0;
    std::vector<double> rise(chosen.size());
    for (int row = 0; row < 12; ++row) {
      const auto before = world.Chances(row, std::vector<double>(kDim), t);
      const auto up = world.Chances(row, by, t);
      const auto down = world.Chances(row, back, t);
      for (int item = 0; item < kItems; ++item) {
        if (before[item] > 0) divergence += before[item] * std::log(before[item] / up[item]) / 12;
      }
      for (size_t a = 0; a < chosen.size(); ++a) {
        double above = 0, below = 0;
        for (const int32_t item : attributes.ItemsWith(chosen[a])) {
          above += up[item];
          below += down[item];
        }
        rise[a] += (std::log(above) - std::log(below)) / 2 / 12;
      }
    }
    double quadratic = 0;
    for (int a = 0; a < kDim; ++a) {
      for (int b = 0; b < kDim; ++b) {
        quadratic += by[a] * moments->disturbance[a * kDim + b] * by[b];
      }
    }
    EXPECT_NEAR(divergence, quadratic / 2 / t / t, 0.02 * divergence);
    for (size_t a = 0; a < chosen.size(); ++a) {
      double along = 0;
      for (int d = 0; d < kDim; ++d) along += moments->towards[a][d] * by[d];
      EXPECT_NEAR(rise[a], along / t, 0.01 * std::abs(rise[a]) + 1e-7);
    }
  }
}

TEST(MomentsOfActivations, AreCovariances) {
  const World world(5);
  const Attributes attributes(world.items);
  const std::vector<int32_t> chosen = {attributes.Find({"colour", "red"})};
  const auto moments = MomentsOfActivations(world.rows, attributes, chosen, Go);
  ASSERT_TRUE(moments.ok());
  double mean_share = 0;
  std::vector<double> mean(kDim);
  for (int row = 0; row < 12; ++row) {
    mean_share += attributes.ShareOf(world.rows.cases[row].ranked, chosen[0]) / 12;
    for (int d = 0; d < kDim; ++d) mean[d] += world.rows.Row(row)[d] / 12;
  }
  for (int a = 0; a < kDim; ++a) {
    double with_share = 0;
    for (int row = 0; row < 12; ++row) {
      with_share += (attributes.ShareOf(world.rows.cases[row].ranked, chosen[0]) - mean_share) *
                    (world.rows.Row(row)[a] - mean[a]) / 12;
    }
    EXPECT_NEAR(moments->towards[0][a], with_share, 1e-9);
    for (int b = 0; b < kDim; ++b) {
      double covariance = 0;
      for (int row = 0; row < 12; ++row) {
        covariance += (world.rows.Row(row)[a] - mean[a]) * (world.rows.Row(row)[b] - mean[b]) / 12;
      }
      EXPECT_NEAR(moments->disturbance[a * kDim + b], covariance, 1e-9);
    }
  }
}

}  // namespace
}  // namespace recsae::explainer
