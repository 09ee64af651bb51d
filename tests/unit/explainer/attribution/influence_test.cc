// Influence functions against training without the item.
#include "services/explainer/attribution/influence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "tests/unit/explainer/random_model.h"

namespace recsae::explainer {
namespace {

constexpr int kDim = 6;
constexpr int kItems = 80;
constexpr double kDecay = 0.5;

// The minimum of sum_i mean_j log(1 + exp(s_j - s_i)) + l/2 |x|^2, by plain gradient descent.
std::vector<double> Trained(const PredictionHead& head, const std::vector<int32_t>& items) {
  std::vector<double> x(kDim);
  for (int step = 0; step < 500; ++step) {
    std::vector<double> gradient(kDim);
    for (int c = 0; c < kDim; ++c) gradient[c] = kDecay * x[c];
    for (const int32_t i : items) {
      for (int32_t j = 0; j < kItems; ++j) {
        double lead = head.Bias(i) - head.Bias(j);
        for (int c = 0; c < kDim; ++c) lead += x[c] * (head.Vector(i)[c] - head.Vector(j)[c]);
        const double wrong = 1 / (1 + std::exp(lead)) / kItems;
        for (int c = 0; c < kDim; ++c) {
          gradient[c] -= wrong * (head.Vector(i)[c] - head.Vector(j)[c]);
        }
      }
    }
    for (int c = 0; c < kDim; ++c) x[c] -= 0.2 * gradient[c];
  }
  return x;
}

TEST(InfluenceTest, TellsWhatTrainingWithoutAnItemWouldMakeOfTheVector) {
  std::mt19937_64 random(3);
  const PredictionHead head = RandomHead(kDim, kItems, /*biases=*/true, random);
  const std::vector<int32_t> items = {2, 9, 17, 23, 31, 40, 48, 55, 61, 66, 70, 79};
  const std::vector<double> x = Trained(head, items);
  const std::vector<float> given(x.begin(), x.end());
  const Influences influences = InfluencesOn(given, head, items);
  ASSERT_EQ(influences.effects.size(), items.size());
  EXPECT_GT(influences.fit, 0.999);  // it is the minimum
  double together = 0, told = 0, lost = 0, apart = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    std::vector<int32_t> others = items;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    const std::vector<double> without = Trained(head, others);
    for (int c = 0; c < kDim; ++c) {
      const double change = x[c] - without[c];
      together += change * influences.effects[i][c];
      told += influences.effects[i][c] * influences.effects[i][c];
      lost += change * change;
      apart += std::pow(change - influences.effects[i][c], 2);
    }
  }
  EXPECT_GT(together / std::sqrt(told * lost), 0.97);
  EXPECT_LT(std::sqrt(apart / lost), 0.3);
}

TEST(InfluenceTest, AVectorThatItsItemsPullAwayFromIsNotToldByThem) {
  std::mt19937_64 random(3);
  const PredictionHead head = RandomHead(kDim, kItems, /*biases=*/false, random);
  const std::vector<int32_t> items = {2, 9, 17};
  std::vector<float> x;
  for (const double value : Trained(head, items)) x.push_back(-static_cast<float>(value));
  const Influences influences = InfluencesOn(x, head, items);
  EXPECT_EQ(influences.fit, 0);
  for (const Direction& effect : influences.effects) {
    for (const double value : effect) EXPECT_TRUE(std::isfinite(value));
  }
}

TEST(InfluenceTest, NothingOwesNothing) {
  std::mt19937_64 random(3);
  const PredictionHead head = RandomHead(kDim, kItems, /*biases=*/false, random);
  EXPECT_TRUE(InfluencesOn(std::vector<float>(kDim, 1), head, {}).effects.empty());
  const std::vector<int32_t> items = {2, 9};
  const Influences none = InfluencesOn(std::vector<float>(kDim), head, items);
  ASSERT_EQ(none.effects.size(), 2U);
  EXPECT_EQ(none.effects[0], Direction(kDim));
  EXPECT_EQ(none.fit, 0);
}

}  // namespace
}  // namespace recsae::explainer
