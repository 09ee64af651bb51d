// Ranking against a naive version, and the metrics against values worked out by hand.
#include "common/ranking/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace recsae {
namespace {

using testing::IsEmpty;

// Sorts everything that is not excluded.
std::vector<ScoredItem> NaiveTopN(const std::vector<float>& scores, size_t n,
                                  const std::vector<int32_t>& excluded) {
  std::vector<ScoredItem> all;
  for (int32_t i = 0; i < static_cast<int32_t>(scores.size()); ++i) {
    if (std::find(excluded.begin(), excluded.end(), i) == excluded.end()) {
      all.push_back({i, scores[i]});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const ScoredItem& a, const ScoredItem& b) { return a.score > b.score; });
  all.resize(std::min(n, all.size()));
  return all;
}

int64_t NaiveRank(const std::vector<float>& scores, int32_t target,
                  const std::vector<int32_t>& excluded) {
  int64_t rank = 1;
  for (int32_t i = 0; i < static_cast<int32_t>(scores.size()); ++i) {
    const bool masked = std::find(excluded.begin(), excluded.end(), i) != excluded.end();
    if (i != target && !masked && scores[i] >= scores[target]) ++rank;
  }
  return rank;
}

TEST(RankingTest, AgreesWithSortingEverything) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 200; ++trial) {
    const int items = 1 + static_cast<int>(random() % 60);
    std::vector<float> scores(items);
    for (float& score : scores) score = static_cast<float>(random() % 12);  // many ties
    std::vector<int32_t> excluded;
    for (int i = 0; i < items; ++i) {
      if (random() % 4 == 0) excluded.push_back(static_cast<int32_t>(random() % items));
    }
    const int n = static_cast<int>(random() % (items + 3));
    EXPECT_EQ(TopN(scores, n, excluded), NaiveTopN(scores, n, excluded));
    const auto target = static_cast<int32_t>(random() % items);
    EXPECT_EQ(RankOf(scores, target, excluded), NaiveRank(scores, target, excluded));
  }
}

TEST(RankingTest, TiesCountAgainstTheTarget) {
  const std::vector<float> scores = {1, 2, 2, 2, 3};
  EXPECT_EQ(RankOf(scores, 2, {}), 4);
  EXPECT_EQ(RankOf(scores, 2, {1}), 3);
  EXPECT_EQ(RankOf(scores, 2, {1, 1, 2}), 3);  // repeated, and the target itself: no difference
}

TEST(RankingTest, NanNeverHelpsTheTarget) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(RankOf({1, nan, 0}, 0, {}), 2);
  EXPECT_EQ(RankOf({1, nan, 0}, 1, {}), 3);
  EXPECT_EQ(TopN({1, nan, 5}, 3, {})[0].item, 2);
  EXPECT_EQ(TopN({1, nan, 5}, 2, {})[1].item, 0);
}

TEST(RankingTest, EmptyEdges) {
  EXPECT_THAT(TopN({}, 5, {}), IsEmpty());
  EXPECT_THAT(TopN({1, 2}, 0, {}), IsEmpty());
  EXPECT_THAT(TopN({1, 2}, 5, {0, 1}), IsEmpty());
}

TEST(RankingTest, WithheldItemsAreInNoListAndBeforeNoItem) {
  PredictionHead head;
  head.dim = 1;
  head.vectors = {4, 3, 2, 1};
  head.withheld = {0, 2};
  std::vector<float> scores(4);
  ScoreItems({1}, head, absl::MakeSpan(scores));
  EXPECT_EQ(TopN(scores, 4, {}), (std::vector<ScoredItem>{{1, 3}, {3, 1}}));
  EXPECT_EQ(TopN(scores, 4, {1}), (std::vector<ScoredItem>{{3, 1}}));
  EXPECT_EQ(RankOf(scores, 3, {}), 2);
  EXPECT_EQ(RankOf(scores, 3, {1, 2}), 1);
  EXPECT_EQ(RankOf(scores, 0, {}), 4);  // nobody is shown it
}

TEST(RankingTest, ScoresAreDotProductsPlusBias) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (const size_t dim : {1, 7, 8, 64, 67}) {
    std::vector<float> activation(dim), items(5 * dim), biases(5), scores(5);
    for (auto* values : {&activation, &items, &biases}) {
      for (float& value : *values) value = normal(random);
    }
    ScoreItems(activation, items, biases, absl::MakeSpan(scores));
    for (size_t i = 0; i < 5; ++i) {
      double expected = biases[i], magnitude = std::abs(biases[i]);
      for (size_t k = 0; k < dim; ++k) {
        const double product = static_cast<double>(activation[k]) * items[i * dim + k];
        expected += product;
        magnitude += std::abs(product);
      }
      const double tolerance =
          magnitude * static_cast<double>(dim + 1) * std::numeric_limits<float>::epsilon();
      EXPECT_NEAR(scores[i], expected, tolerance);
    }
  }
}

TEST(RankingMetricsTest, ValuesByHand) {
  RankingMetrics metrics;
  for (const int64_t rank : {1, 3, 6, 11, 51}) metrics.Add(rank);
  EXPECT_EQ(metrics.cases(), 5);
  EXPECT_DOUBLE_EQ(metrics.hr(5), 2.0 / 5);
  EXPECT_DOUBLE_EQ(metrics.hr(10), 3.0 / 5);
  EXPECT_DOUBLE_EQ(metrics.hr(20), 4.0 / 5);
  EXPECT_DOUBLE_EQ(metrics.hr(50), 4.0 / 5);
  EXPECT_DOUBLE_EQ(metrics.ndcg(5), (1 + 0.5) / 5);
  EXPECT_NEAR(metrics.ndcg(10), (1 + 0.5 + 1 / std::log2(7.0)) / 5, 1e-12);
}

TEST(RankingMetricsTest, MergeIsTheSameAsAddingAll) {
  RankingMetrics all, a, b;
  for (int64_t rank = 1; rank < 60; ++rank) {
    all.Add(rank);
    (rank % 3 == 0 ? a : b).Add(rank);
  }
  a.Merge(b);
  for (const int k : RankingMetrics::kCutoffs) {
    EXPECT_DOUBLE_EQ(a.hr(k), all.hr(k));
    EXPECT_NEAR(a.ndcg(k), all.ndcg(k), 1e-12);
  }
  EXPECT_EQ(RankingMetrics().hr(10), 0);
}

}  // namespace
}  // namespace recsae
