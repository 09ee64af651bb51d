// The parts of a score add up, and each is what its formula says.
#include "services/explainer/attribution/attribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "tests/unit/explainer/random_model.h"

namespace recsae::explainer {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Shape {
  int dim;
  int latents;
  int k;
  float scale;
  bool biases;
};

class AttributionOfRandomModels : public ::testing::TestWithParam<Shape> {};

// z_j <w_j, v> in double, straight from the weights (the decoder acts on scaled inputs), and how
// far a float32 direction may be from it: terms cancel, so by the size of the terms.
struct Expected {
  double value = 0;
  double tolerance = 0;
};

Expected Contribution(const sae::SaeWeights& w, const PredictionHead& head,
                      const sae::LatentActivation& active, int item) {
  Expected expected;
  for (int i = 0; i < w.dim; ++i) {
    const double term = static_cast<double>(active.value) * w.decoder[active.latent * w.dim + i] /
                        w.input_scale * head.Vector(item)[i];
    expected.value += term;
    expected.tolerance += 4 * std::numeric_limits<float>::epsilon() * std::abs(term);
  }
  return expected;
}

TEST_P(AttributionOfRandomModels, PartsAddUpAndMatchTheirFormulas) {
  const Shape shape = GetParam();
  std::mt19937_64 random(17);
  for (int round = 0; round < 20; ++round) {
    const sae::SaeWeights w = RandomWeights(shape.dim, shape.latents, shape.k, shape.scale, random);
    const sae::SaeModel sae = *sae::SaeModel::Create(w);
    const PredictionHead head = RandomHead(shape.dim, 300, shape.biases, random);
    const std::vector<float> x = RandomVector(shape.dim, random, 2 / shape.scale);
    const ActivationExplanation explanation = ExplainActivation(sae, &head, x, {10, {}, {}});

    ASSERT_THAT(explanation.items, SizeIs(10));
    for (const ItemAttribution& item : explanation.items) {
      const double score = Score(head, x, item.item);
      EXPECT_NEAR(item.score, score, 1e-9 * std::abs(score));
      double sum = item.bias + item.residual;
      ASSERT_EQ(item.contributions.size(), explanation.latents.size());
      for (size_t j = 0; j < item.contributions.size(); ++j) {
        sum += item.contributions[j];
        const Expected expected = Contribution(w, head, explanation.latents[j], item.item);
        EXPECT_NEAR(item.contributions[j], expected.value, expected.tolerance);
      }
      EXPECT_NEAR(sum, score, 1e-4 * std::abs(score));
      double bias = head.Bias(item.item);
      for (int i = 0; i < shape.dim; ++i) {
        bias += static_cast<double>(w.pre_bias[i]) / shape.scale * head.Vector(item.item)[i];
      }
      EXPECT_NEAR(item.bias, bias, 1e-5 * (std::abs(bias) + 1));
    }
  }
}

// What an item loses against its rivals without a latent, by plain computation of both.
TEST_P(AttributionOfRandomModels, MarginsAreWhatTheItemLosesAgainstItsRivals) {
  const Shape shape = GetParam();
  std::mt19937_64 random(19);
  const sae::SaeWeights w = RandomWeights(shape.dim, shape.latents, shape.k, shape.scale, random);
  const sae::SaeModel sae = *sae::SaeModel::Create(w);
  const PredictionHead head = RandomHead(shape.dim, 300, shape.biases, random);
  const std::vector<float> x = RandomVector(shape.dim, random, 2 / shape.scale);
  const std::vector<int32_t> excluded = {3, 4, 5}, also = {3, 200};
  const ActivationExplanation explanation = ExplainActivation(sae, &head, x, {5, excluded, also});
  std::vector<int32_t> best;
  for (int32_t item = 0; item < 300; ++item) {
    if (item < 3 || item > 5) best.push_back(item);
  }
  std::sort(best.begin(), best.end(),
            [&](int32_t a, int32_t b) { return Score(head, x, a) > Score(head, x, b); });
  best.resize(kRivals + 1);
  ASSERT_THAT(explanation.items, SizeIs(7));
  for (const ItemAttribution& item : explanation.items) {
    ASSERT_EQ(item.margins.size(), explanation.latents.size());
    for (size_t j = 0; j < item.margins.size(); ++j) {
      double sum = 0, largest = 0;
      int rivals = 0;
      for (const int32_t other : best) {
        if (other == item.item) continue;
        const double of_rival = Contribution(w, head, explanation.latents[j], other).value;
        sum += of_rival;
        largest = std::max(largest, std::abs(of_rival));
        ++rivals;
      }
      EXPECT_NEAR(item.margins[j], item.contributions[j] - sum / rivals, 1e-5 * (largest + 1e-6));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttributionOfRandomModels,
                         ::testing::Values(Shape{64, 1024, 8, 1, false},
                                           Shape{64, 1024, 8, 3.7f, true},
                                           Shape{16, 40, 4, 0.01f, true}, Shape{7, 3, 3, 250, true},
                                           Shape{1, 1, 1, 1, false}));

class AttributionTest : public ::testing::Test {
 protected:
  std::mt19937_64 random_{5};
  sae::SaeModel sae_ = RandomModel(12, 48, 4, 2, random_);
  PredictionHead head_ = RandomHead(12, 200, true, random_);
  std::vector<float> x_ = RandomVector(12, random_);
};

TEST_F(AttributionTest, BestItemsComeFirstWithoutThoseLeftOut) {
  const std::vector<int32_t> all = RankedItems(head_, x_, {});
  const std::vector<int32_t> excluded = {all[0], all[2], all[2], all[7]};
  const std::vector<int32_t> expected = RankedItems(head_, x_, excluded);
  const auto explanation = ExplainActivation(sae_, &head_, x_, {20, excluded, {}});
  ASSERT_THAT(explanation.items, SizeIs(20));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(explanation.items[i].item, expected[i]);
    EXPECT_EQ(explanation.items[i].rank, i + 1);
  }
}

TEST_F(AttributionTest, ItemsAskedForFollowWithTheirRanks) {
  const std::vector<int32_t> all = RankedItems(head_, x_, {});
  const std::vector<int32_t> excluded = {all[0], all[50]};
  const std::vector<int32_t> also = {all[100], all[0], all[1]};
  const auto explanation = ExplainActivation(sae_, &head_, x_, {3, excluded, also});
  ASSERT_THAT(explanation.items, SizeIs(6));
  EXPECT_EQ(explanation.items[3].item, all[100]);
  EXPECT_EQ(explanation.items[3].rank, 99);  // two better ones are left out
  EXPECT_EQ(explanation.items[4].item, all[0]);
  EXPECT_EQ(explanation.items[4].rank, 1);  // where it would stand
  EXPECT_EQ(explanation.items[5].item, all[1]);
  EXPECT_EQ(explanation.items[5].rank, 1);
}

TEST_F(AttributionTest, EqualScoresGoByItemNumber) {
  head_ = RandomHead(12, 3, false, random_);
  for (int i = 0; i < 12; ++i) head_.vectors[24 + i] = head_.vectors[i];  // item 2 = item 0
  const std::vector<int32_t> also = {0, 2};
  const auto explanation = ExplainActivation(sae_, &head_, x_, {0, {}, also});
  EXPECT_EQ(explanation.items[1].rank, explanation.items[0].rank + 1);
}

TEST_F(AttributionTest, RanksOfManyItemsAreThoseOfCounting) {
  // Few different scores, so that many are equal; some items twice, some left out.
  const std::vector<float> x = {1};
  const sae::SaeModel sae = RandomModel(1, 4, 1, 1, random_);
  PredictionHead head = RandomHead(1, 500, false, random_);
  for (float& value : head.vectors) value = static_cast<float>(random_() % 7);
  std::vector<int32_t> also, excluded;
  for (int i = 0; i < 120; ++i) also.push_back(static_cast<int32_t>(random_() % 500));
  for (int i = 0; i < 90; ++i) excluded.push_back(static_cast<int32_t>(random_() % 500));
  const auto explanation = ExplainActivation(sae, &head, x, {0, excluded, also});
  ASSERT_THAT(explanation.items, SizeIs(also.size()));
  for (size_t i = 0; i < also.size(); ++i) {
    int rank = 1;
    for (int32_t other = 0; other < 500; ++other) {
      if (other == also[i] || std::count(excluded.begin(), excluded.end(), other) > 0) continue;
      const float mine = head.vectors[also[i]], its = head.vectors[other];
      rank += its > mine || (its == mine && other < also[i]);
    }
    EXPECT_EQ(explanation.items[i].item, also[i]);
    EXPECT_EQ(explanation.items[i].rank, rank) << also[i];
  }
}

// A caller is asked for once a row: its items must not take long.
TEST_F(AttributionTest, AThousandRanksCostLittleMoreThanOne) {
  const sae::SaeModel sae = RandomModel(8, 16, 2, 1, random_);
  const PredictionHead head = RandomHead(8, 300'000, false, random_);
  const std::vector<float> x = RandomVector(8, random_);
  std::vector<int32_t> also(1000);
  for (int32_t& item : also) item = static_cast<int32_t>(random_() % 300'000);
  const auto seconds = [&](size_t count) {
    const auto start = std::chrono::steady_clock::now();
    ExplainActivation(sae, &head, x, {0, {}, absl::MakeConstSpan(also).first(count)});
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  double one = seconds(1), many = seconds(1000);
  for (int i = 0; i < 3; ++i) one = std::min(one, seconds(1)), many = std::min(many, seconds(1000));
  EXPECT_LT(many, 50 * one);
}

TEST_F(AttributionTest, FewerItemsThanAskedFor) {
  std::vector<int32_t> excluded(195);
  std::iota(excluded.begin(), excluded.end(), 0);
  EXPECT_THAT(ExplainActivation(sae_, &head_, x_, {10, excluded, {}}).items, SizeIs(5));
}

TEST_F(AttributionTest, WithoutHeadOnlyLatents) {
  const auto explanation = ExplainActivation(sae_, nullptr, x_, {10, {}, {}});
  EXPECT_THAT(explanation.items, IsEmpty());
  EXPECT_EQ(explanation.latents, sae_.Encode(x_.data()));
}

TEST_F(AttributionTest, RankedItemsAreTheSameWithoutParts) {
  const std::vector<int32_t> excluded = {1, 2}, also = {0, 2};
  const ItemChoice choice{3, excluded, also};
  const auto expected = ExplainActivation(sae_, &head_, x_, choice).items;
  const auto ranked = RankItems(head_, x_, choice);
  ASSERT_EQ(ranked.size(), expected.size());
  for (size_t i = 0; i < ranked.size(); ++i) {
    EXPECT_EQ(ranked[i].item, expected[i].item);
    EXPECT_EQ(ranked[i].rank, expected[i].rank);
    EXPECT_EQ(ranked[i].score, expected[i].score);
    EXPECT_THAT(ranked[i].contributions, IsEmpty());
    EXPECT_EQ(ranked[i].bias, head_.Bias(ranked[i].item));
    EXPECT_DOUBLE_EQ(ranked[i].bias + ranked[i].residual, ranked[i].score);
  }
}

TEST_F(AttributionTest, RelativeErrorIsThatOfTheReconstruction) {
  std::vector<float> reconstruction(12);
  const auto code = sae_.Encode(x_.data());
  sae_.Decode(code, reconstruction.data());
  double error = 0;
  double norm = 0;
  for (int i = 0; i < 12; ++i) {
    error += std::pow(static_cast<double>(x_[i]) - reconstruction[i], 2);
    norm += std::pow(static_cast<double>(x_[i]), 2);
  }
  EXPECT_NEAR(ExplainActivation(sae_, nullptr, x_, {}).relative_error, error / norm,
              1e-5 * error / norm);
}

TEST_F(AttributionTest, ActivationOfZerosHasAnError) {
  const std::vector<float> zeros(12);
  EXPECT_EQ(ExplainActivation(sae_, nullptr, zeros, {}).relative_error, 1);
}

}  // namespace
}  // namespace recsae::explainer
