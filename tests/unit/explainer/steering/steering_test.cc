// Edits of latents, the activation they make, and the two lists.
#include "services/explainer/steering/steering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "common/base/status.h"
#include "tests/unit/explainer/random_model.h"

namespace recsae::explainer {
namespace {

using Operation = LatentEdit::Operation;
using ::testing::SizeIs;

class SteeringTest : public ::testing::Test {
 protected:
  std::mt19937_64 random_{3};
  sae::SaeWeights weights_ = RandomWeights(16, 64, 6, 2.5f, random_);
  sae::SaeModel sae_ = *sae::SaeModel::Create(weights_);
  std::vector<float> x_ = RandomVector(16, random_);
  std::vector<sae::LatentActivation> code_ = sae_.Encode(x_.data());

  int32_t InactiveLatent() const {
    int32_t latent = 0;
    while (std::any_of(code_.begin(), code_.end(),
                       [&](const auto& active) { return active.latent == latent; })) {
      ++latent;
    }
    return latent;
  }

  // Row of the decoder in the recommender's units, in double, from the weights.
  double Direction(int latent, int i) const {
    return static_cast<double>(weights_.decoder[latent * 16 + i]) / weights_.input_scale;
  }
};

TEST_F(SteeringTest, NoChangeOfALatentIsNoChangeOfABit) {
  const std::vector<LatentEdit> edits = {
      {code_[0].latent, Operation::kScale, 1},
      {code_[1].latent, Operation::kAdd, 0},
      {code_[2].latent, Operation::kSet, code_[2].value},
      {InactiveLatent(), Operation::kScale, -10},
      {InactiveLatent(), Operation::kRemove, 0},
  };
  const auto steered = SteerActivation(sae_, x_, edits, {SteeringMode::kDelta});
  ASSERT_TRUE(steered.ok()) << steered.status();
  EXPECT_EQ(steered->activation, x_);
}

TEST_F(SteeringTest, EveryOperationDoesWhatItSays) {
  const double z = code_[0].value;
  const int32_t latent = code_[0].latent;
  const std::vector<std::pair<LatentEdit, double>> cases = {
      {{latent, Operation::kScale, 3}, 3 * z},     {{latent, Operation::kScale, -10}, -10 * z},
      {{latent, Operation::kAdd, 1.5}, z + 1.5},   {{latent, Operation::kAdd, -1e6}, 0},
      {{latent, Operation::kPush, -1e3}, z - 1e3}, {{latent, Operation::kSet, 0.25}, 0.25},
      {{latent, Operation::kRemove, 0}, 0},
  };
  for (const auto& [edit, after] : cases) {
    const auto steered = SteerActivation(sae_, x_, {edit}, {SteeringMode::kDelta});
    ASSERT_TRUE(steered.ok()) << steered.status();
    ASSERT_THAT(steered->changes, SizeIs(1));
    EXPECT_EQ(steered->changes[0].latent, latent);
    EXPECT_EQ(steered->changes[0].before, z);
    EXPECT_EQ(steered->changes[0].after, after);
    for (int i = 0; i < 16; ++i) {
      const double expected = x_[i] + (after - z) * Direction(latent, i);
      EXPECT_NEAR(steered->activation[i], expected, 1e-5 * (1 + std::abs(expected)));
    }
  }
}

TEST_F(SteeringTest, EditsOfOneLatentBuildOnEachOther) {
  const int32_t latent = InactiveLatent();
  const std::vector<LatentEdit> edits = {{latent, Operation::kSet, 2},
                                         {code_[0].latent, Operation::kRemove, 0},
                                         {latent, Operation::kScale, 3},
                                         {latent, Operation::kAdd, -1}};
  const auto steered = SteerActivation(sae_, x_, edits, {SteeringMode::kDelta});
  ASSERT_TRUE(steered.ok()) << steered.status();
  ASSERT_THAT(steered->changes, SizeIs(2));
  EXPECT_EQ(steered->changes[0].latent, latent);
  EXPECT_EQ(steered->changes[0].before, 0);
  EXPECT_EQ(steered->changes[0].after, 5);
  EXPECT_EQ(steered->changes[1].latent, code_[0].latent);
}

TEST_F(SteeringTest, ReconstructionModeDecodesTheEditedCode) {
  const int32_t added = InactiveLatent();
  const std::vector<LatentEdit> edits = {{code_[0].latent, Operation::kScale, -2},
                                         {added, Operation::kSet, 1.5}};
  const auto steered = SteerActivation(sae_, x_, edits, {SteeringMode::kReconstruction});
  ASSERT_TRUE(steered.ok()) << steered.status();
  for (int i = 0; i < 16; ++i) {
    double expected = static_cast<double>(weights_.pre_bias[i]) / weights_.input_scale;
    for (size_t j = 0; j < code_.size(); ++j) {
      expected += (j == 0 ? -2.0 : 1.0) * code_[j].value * Direction(code_[j].latent, i);
    }
    expected += 1.5 * Direction(added, i);
    EXPECT_NEAR(steered->activation[i], expected, 1e-5 * (1 + std::abs(expected)));
  }
}

TEST_F(SteeringTest, LeavingTheRangeOfFloatsIsRefused) {
  const std::vector<LatentEdit> edits = {{code_[0].latent, Operation::kScale, 1e300}};
  const auto steered = SteerActivation(sae_, x_, edits, {SteeringMode::kDelta});
  EXPECT_EQ(steered.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(steered.status()), "STEERED_NOT_FINITE");
}

TEST_F(SteeringTest, WhatIsProjectedIsAsMuchAsInTheMean) {
  const std::vector<float> mean = RandomVector(16, random_);
  const int32_t added = InactiveLatent();
  for (const bool known : {true, false}) {
    SteeringOptions options;
    options.projected = {code_[0].latent, code_[1].latent, (added + 7) % 64};
    if (known) options.baseline = mean;
    const std::vector<LatentEdit> edits = {{added, Operation::kSet, 1.5},
                                           {code_[0].latent, Operation::kRemove, 0},
                                           {code_[1].latent, Operation::kRemove, 0},
                                           {(added + 7) % 64, Operation::kRemove, 0}};
    const auto steered = SteerActivation(sae_, x_, edits, options);
    ASSERT_TRUE(steered.ok()) << steered.status();
    for (const int32_t latent : options.projected) {
      double along = 0;
      double length = 0;
      for (int i = 0; i < 16; ++i) {
        const double of_mean =
            known ? mean[i] : static_cast<double>(weights_.pre_bias[i]) / weights_.input_scale;
        along += (steered->activation[i] - of_mean) * Direction(latent, i);
        length += std::pow(Direction(latent, i), 2);
      }
      EXPECT_NEAR(along / std::sqrt(length), 0, 1e-5);
    }
    EXPECT_TRUE(steered->effective[3]);  // though its latent was at 0
    EXPECT_EQ(steered->bounded_by, 1);
  }
}

TEST_F(SteeringTest, WhatIsLoweredIsNeverRaised) {
  const std::vector<float> mean = RandomVector(16, random_);
  const auto along = [&](int32_t latent, absl::Span<const float> x) {
    double sum = 0;
    for (int i = 0; i < 16; ++i) sum += (x[i] - mean[i]) * Direction(latent, i);
    return sum;
  };
  int lowered = 0;
  int left = 0;
  for (int32_t latent = 0; latent < 64; ++latent) {
    SteeringOptions options;
    options.baseline = mean;
    options.lowered = {latent};
    const auto steered = SteerActivation(sae_, x_, {{latent, Operation::kRemove, 0}}, options);
    const auto removed =
        SteerActivation(sae_, x_, {{latent, Operation::kRemove, 0}}, {SteeringMode::kDelta});
    ASSERT_TRUE(steered.ok() && removed.ok());
    if (along(latent, removed->activation) > 0) {
      EXPECT_NEAR(along(latent, steered->activation), 0, 1e-5);
      EXPECT_TRUE(steered->effective[0]);
      ++lowered;
    } else {
      EXPECT_EQ(steered->activation, removed->activation);
      EXPECT_EQ(steered->effective, removed->effective);
      ++left;
    }
  }
  EXPECT_GT(lowered, 0);
  EXPECT_GT(left, 0);
}

TEST_F(SteeringTest, AChangeIsShortenedToItsBound) {
  const std::vector<float> mean = RandomVector(16, random_);
  SteeringOptions options;
  options.max_change = 0.5;
  options.baseline = mean;
  const std::vector<LatentEdit> edits = {{InactiveLatent(), Operation::kAdd, 50}};
  const auto whole = SteerActivation(sae_, x_, edits, {SteeringMode::kDelta});
  const auto bounded = SteerActivation(sae_, x_, edits, options);
  ASSERT_TRUE(whole.ok() && bounded.ok());
  double moved = 0;
  double own = 0;
  for (int i = 0; i < 16; ++i) {
    moved += std::pow(bounded->activation[i] - x_[i], 2);
    own += std::pow(x_[i] - mean[i], 2);
    EXPECT_NEAR(bounded->activation[i] - x_[i],
                bounded->bounded_by * (whole->activation[i] - x_[i]), 1e-5);
  }
  EXPECT_NEAR(std::sqrt(moved / own), 0.5, 1e-5);
  EXPECT_NEAR(bounded->change, 0.5, 1e-5);
  EXPECT_LT(bounded->bounded_by, 1);
  EXPECT_NEAR(bounded->changes[0].after, 50 * bounded->bounded_by, 1e-9);
  EXPECT_EQ(whole->bounded_by, 1);
  // A change that keeps to it is left alone, to the bit.
  const std::vector<LatentEdit> small = {{InactiveLatent(), Operation::kAdd, 1e-3}};
  EXPECT_EQ(SteerActivation(sae_, x_, small, options)->activation,
            SteerActivation(sae_, x_, small, {SteeringMode::kDelta})->activation);
}

// Over users nothing that is left goes with the labels, however the latents go with them, and the
// directions are gone as well.
TEST_F(SteeringTest, WhatIsErasedGoesWithNothingThatIsLeft) {
  constexpr size_t kRows = 500;
  std::vector<float> rows, mean(16);
  std::vector<uint8_t> label;
  for (size_t row = 0; row < kRows; ++row) {
    const std::vector<float> x = RandomVector(16, random_);
    rows.insert(rows.end(), x.begin(), x.end());
    label.push_back(x[0] + x[3] > .3 ? 1 : 0);
    for (size_t i = 0; i < 16; ++i) mean[i] += x[i] / static_cast<float>(kRows);
  }
  ErasureFit fit(rows, 16);
  fit.Add(0, label);
  Eraser eraser(16);
  eraser.Add(fit.Solve()[0]);
  SteeringOptions options;
  options.projected = {code_[0].latent, code_[1].latent};
  options.baseline = mean;
  const std::vector<LatentEdit> edits = {{code_[0].latent, Operation::kRemove, 0},
                                         {code_[1].latent, Operation::kRemove, 0}};
  for (const bool erased : {false, true}) {
    options.eraser = erased ? &eraser : nullptr;
    std::vector<double> covariance(16);
    for (size_t row = 0; row < kRows; ++row) {
      const absl::Span<const float> x(&rows[row * 16], 16);
      const auto steered = SteerActivation(sae_, x, edits, options);
      ASSERT_TRUE(steered.ok()) << steered.status();
      double along = 0;
      for (int i = 0; i < 16; ++i) {
        const double excess = steered->activation[i] - mean[i];
        along += excess * Direction(code_[0].latent, i);
        covariance[i] += excess * label[row] / kRows;
      }
      EXPECT_NEAR(along, 0, 1e-5);
    }
    const auto [least, most] = std::minmax_element(covariance.begin(), covariance.end());
    const double largest = std::max(-*least, *most);
    if (erased) {
      EXPECT_LT(largest, 1e-5);
    } else {
      EXPECT_GT(largest, .02);
    }
  }
}

TEST_F(SteeringTest, TheBoundLeavesTheProjectionWholeWhereItCan) {
  const std::vector<float> mean = RandomVector(16, random_);
  SteeringOptions options;
  options.projected = {code_[0].latent};
  options.baseline = mean;
  options.max_change = 1;  // a projection alone never exceeds it
  std::vector<LatentEdit> edits = {{code_[0].latent, Operation::kRemove, 0},
                                   {InactiveLatent(), Operation::kAdd, 500}};
  const auto along = [&](const SteeredActivation& steered) {
    double sum = 0;
    for (int i = 0; i < 16; ++i) {
      sum += (steered.activation[i] - mean[i]) * Direction(code_[0].latent, i);
    }
    return sum;
  };
  const auto steered = SteerActivation(sae_, x_, edits, options);
  ASSERT_TRUE(steered.ok()) << steered.status();
  EXPECT_NEAR(along(*steered), 0, 1e-5);
  EXPECT_NEAR(steered->change, 1, 1e-5);
  EXPECT_LT(steered->bounded_by, 1);
  EXPECT_TRUE(steered->projected_wholly);
  EXPECT_EQ(steered->changes[0].after, 0);
  options.max_change = 1e-3;
  const auto hardly = SteerActivation(sae_, x_, edits, options);
  ASSERT_TRUE(hardly.ok()) << hardly.status();
  EXPECT_FALSE(hardly->projected_wholly);
  EXPECT_NEAR(hardly->change, 1e-3, 1e-6);
}

TEST_F(SteeringTest, ListsTellWhereAnItemStandsInTheOther) {
  const PredictionHead head = RandomHead(16, 1500, true, random_);
  const std::vector<float> other = RandomVector(16, random_);
  const std::vector<int32_t> excluded = {RankedItems(head, x_, {})[0],
                                         RankedItems(head, other, {})[1]};
  const std::vector<int32_t> first = RankedItems(head, x_, excluded);
  const std::vector<int32_t> second = RankedItems(head, other, excluded);
  const auto rank = [](const std::vector<int32_t>& items, int32_t item) {
    const auto place = std::find(items.begin(), items.end(), item) - items.begin() + 1;
    return place > 1000 ? 0 : static_cast<int>(place);
  };
  const auto compared = CompareRecommendations(head, x_, other, 200, excluded);
  ASSERT_THAT(compared.before, SizeIs(200));
  ASSERT_THAT(compared.after, SizeIs(200));
  bool beyond = false;
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(compared.before[i].item, first[i]);
    EXPECT_EQ(compared.before[i].other_rank, rank(second, first[i]));
    EXPECT_EQ(compared.after[i].item, second[i]);
    EXPECT_EQ(compared.after[i].other_rank, rank(first, second[i]));
    EXPECT_NEAR(compared.after[i].score, Score(head, other, second[i]), 1e-3);
    beyond |= compared.before[i].other_rank == 0;
  }
  EXPECT_TRUE(beyond);  // else the limit was not tried
}

}  // namespace
}  // namespace recsae::explainer
