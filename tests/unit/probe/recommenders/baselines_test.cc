// DistillEmb's path model by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "services/probe/datasets/readers.h"
#include "services/probe/recommenders/kinds/distillemb.h"
#include "services/probe/recommenders/kinds/path_model.h"

namespace recsae::probe {
namespace {

bool GoOn(double /*fraction*/, double /*loss*/) { return true; }

Dataset Planted() {
  return *GeneratePlanted(
      {.users = 100, .items = 60, .concepts = 3, .min_length = 8, .max_length = 15});
}

// Users a: items 0, 1, 2; b: 0, 1; c: 1, 2 and, not for training, 3. Items 0 and 1 have attribute
// x, 2 has y, 3 has x and y.
Dataset Tiny() {
  Dataset dataset;
  dataset.items.resize(4);
  for (const int i : {0, 1, 3}) dataset.items[i].attributes.push_back({"k", "x"});
  for (const int i : {2, 3}) dataset.items[i].attributes.push_back({"k", "y"});
  dataset.users = {"a", "b", "c"};
  dataset.sequences = {{0, 1, 2}, {0, 1}, {1, 2, 3}};
  dataset.train_length = {3, 2, 2};
  return dataset;
}

TEST(PathModelTest, ScoresByHand) {
  const PathModel paths(Tiny(), 10);
  // b and item 2, which b lacks: by users from 0 (one user of both of 2 and 2) and from 1 (two of 3
  // and 2), over the root of b's two items; no attribute of b's items leads to y.
  EXPECT_NEAR(paths.Score(1, 2), (1 / std::sqrt(4.0) + 2 / std::sqrt(6.0)) / std::sqrt(2.0), 1e-6);
  // a and item 3: nobody's training item; a's items have x twice of three times, y once.
  EXPECT_NEAR(paths.Score(0, 3), 2 / 3.0 + 1 / 3.0, 1e-6);
  // a and its own item 0: without a, one user of both 0 and 1, none of 0 and 2; of the items 1 and
  // 2, one has x.
  EXPECT_NEAR(paths.Score(0, 0), 1 / std::sqrt(6.0) / std::sqrt(2.0) + 1 / 2.0, 1e-6);
}

TEST(PathModelTest, OnlyTheClosestNeighboursLead) {
  const PathModel all(Tiny(), 10), one(Tiny(), 1);
  // Item 2's closest is 1: two users of both.
  EXPECT_NEAR(one.Score(1, 2), 2 / std::sqrt(6.0) / std::sqrt(2.0), 1e-6);
  EXPECT_GT(all.Score(1, 2), one.Score(1, 2));
}

TEST(PathModelTest, GradientIsThatOfTheScore) {
  PathModel paths(Tiny(), 10);
  std::vector<float>& weights = paths.weights();
  ASSERT_EQ(weights.size(), 2 + 4 + 2);
  for (size_t w = 0; w < weights.size(); ++w) weights[w] = 0.3F * static_cast<float>(w) - 0.8F;
  for (const auto& [user, item] : {std::pair(1, 2), std::pair(0, 3), std::pair(0, 0)}) {
    paths.Refresh();
    std::vector<float> gradient(weights.size());
    paths.AddGradient(user, item, 2, absl::MakeSpan(gradient));
    for (size_t w = 0; w < weights.size(); ++w) {
      constexpr float kStep = 1e-2F;
      const float before = weights[w];
      const auto score = [&](float weight) {
        weights[w] = weight;
        paths.Refresh();
        return paths.Score(user, item);
      };
      const double slope = (score(before + kStep) - score(before - kStep)) / (2 * kStep);
      EXPECT_NEAR(gradient[w], 2 * slope, 1e-4) << user << " " << item << " " << w;
      score(before);
    }
  }
}

TEST(DistillembTest, LossFalls) {
  const Dataset dataset = Planted();
  RecommenderOptions options = DefaultOptions(RecommenderKind::kDistillemb);
  options.batch_size = 200;
  options.learning_rate = 1e-2;
  DistillembTraining training(options, dataset);
  const double first = training.Epoch(1, GoOn);
  double last = first;
  for (int epoch = 2; epoch <= 10; ++epoch) last = training.Epoch(epoch, GoOn);
  EXPECT_LT(last, first);
}

}  // namespace
}  // namespace recsae::probe
