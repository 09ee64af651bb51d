// The auxiliary loss by products of small matrices, where gradients_test.cc does not reach it.
#include "common/sae/dead_latents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "common/sae/gradients.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

// As lists have it: of latents that tie for the last place the lower ones are active.
TEST(DeadLatentsTest, TiesReviveTheLowerLatents) {
  SaeWeights weights = RandomWeights(4, 12, 2, Architecture::kTopK, 41);
  std::fill(weights.encoder.begin(), weights.encoder.end(), 0.0f);
  std::fill(weights.encoder_bias.begin(), weights.encoder_bias.end(), 1.0f);
  weights.encoder_bias[9] = 2.0f;
  LossConfig loss;
  loss.dead = {3, 4, 6, 9, 10};
  loss.aux_k = 3;
  loss.aux_weight = 0.5;
  const std::vector<float> x = RandomValues(7 * 4, 42);
  math::WorkerPool pool(1);
  BatchGradients gradients;
  for (const bool products : {true, false}) {
    if (!products) {
      for (int32_t j = 0; j < 2; ++j) loss.dead.insert(loss.dead.begin() + j, j);
      loss.aux_k = 1;  // 7 for one
    }
    ASSERT_EQ(DeadLatents::Pays(weights, static_cast<int64_t>(loss.dead.size()), loss.aux_k),
              products);
    gradients.Compute(weights, loss, x.data(), 7, pool);
    const std::vector<int> revived = products ? std::vector<int>{3, 4, 9} : std::vector<int>{9};
    for (int j = 0; j < 12; ++j) {
      const bool fired = j == 9 || j == 0;
      EXPECT_EQ(gradients.fired(j), fired) << j;
      EXPECT_EQ(gradients.has_gradient(j),
                fired || std::find(revived.begin(), revived.end(), j) != revived.end())
          << j << " by products: " << products;
    }
  }
}

// The batch after one with more dead latents, or with none, is worked out as if it came first.
TEST(DeadLatentsTest, BatchesDoNotMeet) {
  const SaeWeights weights = RandomWeights(13, 67, 4, Architecture::kBatchTopK, 43);
  const std::vector<float> x = RandomValues(150 * 13, 44);
  math::WorkerPool pool(2);
  LossConfig loss;
  loss.aux_k = 6;
  loss.aux_weight = 0.5;
  BatchGradients used;
  for (const std::vector<int32_t>& dead : {std::vector<int32_t>{1, 2, 3, 5, 8, 13, 21, 34},
                                           std::vector<int32_t>{}, std::vector<int32_t>{2, 66}}) {
    loss.dead = dead;
    BatchGradients fresh;
    const BatchLoss expected = fresh.Compute(weights, loss, x.data(), 150, pool);
    const BatchLoss actual = used.Compute(weights, loss, x.data(), 150, pool);
    EXPECT_EQ(actual.loss, expected.loss);
    EXPECT_EQ(actual.squared_gradient, expected.squared_gradient);
    EXPECT_EQ(used.encoder_bias(), fresh.encoder_bias());
  }
}

}  // namespace
}  // namespace recsae::sae
