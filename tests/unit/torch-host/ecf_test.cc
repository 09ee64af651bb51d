// ECF's affiliations.
#include "services/torch-host/models/ecf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/status.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/recommenders/factory.h"
#include "services/torch-host/kinds/in_process.h"

namespace recsae::probe {
namespace {

bool GoOn(double /*fraction*/, double /*loss*/) { return true; }

Dataset Planted() {
  return *GeneratePlanted(
      {.users = 100, .items = 60, .concepts = 3, .min_length = 8, .max_length = 15});
}

RecommenderOptions EcfOptions(int clusters, int members) {
  RecommenderOptions options = DefaultOptions(RecommenderKind::kEcf);
  options.clusters = clusters;
  options.members = members;
  options.batch_size = 200;
  options.learning_rate = 5e-3;
  return options;
}

TEST(EcfTest, AffiliationsAreFewAndNotNegative) {
  const Dataset dataset = Planted();
  EcfTraining training(EcfOptions(12, 1), dataset);
  training.Epoch(1, GoOn);
  const auto vectors = training.Vectors();
  ASSERT_EQ(vectors.size(), 160 * 12);
  for (int row = 0; row < 160; ++row) {
    const auto affiliations = vectors.subspan(row * 12, 12);
    const auto positive =
        std::count_if(affiliations.begin(), affiliations.end(), [](float x) { return x > 0; });
    EXPECT_EQ(positive, 4) << row;  // a third of the clusters
    for (const float x : affiliations) {
      ASSERT_GE(x, 0);
      ASSERT_LT(x, 1);
    }
  }
}

TEST(EcfTest, AUserIsTheMeanOfItsItemsMasked) {
  const Dataset dataset = Planted();
  EcfTraining training(EcfOptions(12, 1), dataset);
  training.Epoch(1, GoOn);
  const auto vectors = training.Vectors();
  int marked = 0;
  for (int c = 0; c < 12; ++c) {
    const float own = vectors[7 * 12 + c];
    if (own == 0) continue;
    ++marked;
    double sum = 0;
    for (int p = 0; p < dataset.train_length[7]; ++p) {
      sum += vectors[(100 + dataset.sequences[7][p]) * 12 + c];
    }
    EXPECT_NEAR(own, sum / dataset.train_length[7], 1e-5) << c;
  }
  EXPECT_EQ(marked, 4);
}

TEST(EcfTest, MembersDifferAndStandSideBySide) {
  const Dataset dataset = Planted();
  EcfTraining both(EcfOptions(6, 2), dataset), one(EcfOptions(6, 1), dataset);
  both.Epoch(1, GoOn);
  one.Epoch(1, GoOn);
  const auto pair = both.Vectors(), single = one.Vectors();
  ASSERT_EQ(pair.size(), 2 * single.size());
  bool differ = false;
  for (size_t row = 0; row < 160; ++row) {
    for (size_t c = 0; c < 6; ++c) {
      ASSERT_EQ(pair[row * 12 + c], single[row * 6 + c]);  // the first is the one alone
      differ |= pair[row * 12 + 6 + c] != single[row * 6 + c];
    }
  }
  EXPECT_TRUE(differ);
}

TEST(EcfTest, LossFallsWithAndWithoutTags) {
  Dataset dataset = Planted();
  for (const bool tags : {true, false}) {
    if (!tags) {
      for (Item& item : dataset.items) item.attributes.clear();
    }
    EcfTraining training(EcfOptions(12, 1), dataset);
    const double first = training.Epoch(1, GoOn);
    double last = first;
    for (int epoch = 2; epoch <= 6; ++epoch) last = training.Epoch(epoch, GoOn);
    EXPECT_LT(last, first) << tags;
  }
}

TEST(EcfTest, MoreDimensionsThanACaptureTakesAreRefused) {
  RecommenderOptions options = EcfOptions(4096, 2);
  EXPECT_EQ(Reason(NewRecommender(options, InProcessTorch()).status()),
            "HYPER_PARAMETER_OUT_OF_RANGE");
}

}  // namespace
}  // namespace recsae::probe
