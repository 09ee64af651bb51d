// Effects of history items on scores.
#include "services/explainer/attribution/reasons.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/unit/explainer/random_model.h"

namespace recsae::explainer {
namespace {

constexpr int kDim = 10;

TEST(HistoryEffectsTest, AreDifferencesOfScoresRaisingFirstStrongestFirst) {
  std::mt19937_64 random(3);
  const auto sae = *sae::SaeModel::Create(RandomWeights(kDim, 30, 4, 1, random));
  const PredictionHead head = RandomHead(kDim, 20, /*biases=*/true, random);
  const std::vector<float> with = RandomVector(kDim, random, 1);
  std::vector<float> without;
  std::vector<std::vector<float>> rows;
  for (int i = 0; i < 6; ++i) {
    rows.push_back(RandomVector(kDim, random, 1));
    without.insert(without.end(), rows.back().begin(), rows.back().end());
  }
  // All latents in two groups, so that the parts of an effect add up but for the SAE's error.
  std::vector<LatentGroup> groups(2);
  for (int32_t j = 0; j < 30; ++j) groups[j % 2].push_back({j, 0});
  const HistoryEffects effects(&sae, groups, with, without);
  const auto decoded = [&](const std::vector<float>& x) {
    std::vector<float> reconstruction(kDim);
    sae.Decode(sae.Encode(x.data()), reconstruction.data());
    return reconstruction;
  };
  for (int item = 0; item < 20; ++item) {
    const auto on = effects.On(head, item);
    ASSERT_EQ(on.size(), rows.size());
    for (size_t i = 0; i < on.size(); ++i) {
      const auto& row = rows[on[i].place];
      const double expected = Score(head, with, item) - Score(head, row, item);
      EXPECT_NEAR(on[i].effect, expected, 1e-5);
      const double through = Score(head, decoded(with), item) - Score(head, decoded(row), item);
      EXPECT_NEAR(on[i].groups[0] + on[i].groups[1], through, 1e-4);
      if (i == 0) continue;
      const double before = on[i - 1].effect;
      EXPECT_TRUE(on[i].effect > 0 ? before >= on[i].effect : before > 0 || before <= on[i].effect);
    }
  }
}

TEST(HistoryEffectsTest, HaveNoGroupsWithoutAnSae) {
  std::mt19937_64 random(4);
  const PredictionHead head = RandomHead(kDim, 3, /*biases=*/false, random);
  const std::vector<float> x = RandomVector(kDim, random, 1);
  const HistoryEffects effects(nullptr, {}, x, x);
  ASSERT_EQ(effects.size(), 1);
  EXPECT_EQ(effects.On(head, 0)[0].effect, 0);
  EXPECT_TRUE(effects.On(head, 0)[0].groups.empty());
}

}  // namespace
}  // namespace recsae::explainer
