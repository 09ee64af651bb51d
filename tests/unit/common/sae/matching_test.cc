#include "common/sae/matching.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::ElementsAreArray;

const MatchingProgress kUnwatched = [](int64_t, int64_t) { return absl::OkStatus(); };

// The largest sum over all ways to give each of the fewer a partner of the others.
double BestByTrying(const std::vector<float>& similarity, int rows, int cols) {
  std::vector<int> order(static_cast<size_t>(std::max(rows, cols)));
  std::iota(order.begin(), order.end(), 0);
  double best = -1e300;
  do {
    double sum = 0.0;
    for (int i = 0; i < std::min(rows, cols); ++i) {
      sum += rows <= cols ? similarity[i * cols + order[i]] : similarity[order[i] * cols + i];
    }
    best = std::max(best, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

double SumOf(const std::vector<int32_t>& partner, const std::vector<float>& similarity, int cols) {
  double sum = 0.0;
  std::set<int32_t> taken;
  for (size_t i = 0; i < partner.size(); ++i) {
    if (partner[i] < 0) continue;
    EXPECT_LT(partner[i], cols);
    EXPECT_TRUE(taken.insert(partner[i]).second) << "column " << partner[i] << " twice";
    sum += similarity[i * cols + partner[i]];
  }
  EXPECT_EQ(taken.size(), std::min<size_t>(partner.size(), cols));
  return sum;
}

TEST(MaximalAssignmentTest, FindsTheBestOfAllOnSmallSizes) {
  std::mt19937 random(7);
  for (int rows = 1; rows <= 7; ++rows) {
    for (int cols = 1; cols <= 7; ++cols) {
      for (int round = 0; round < 12; ++round) {
        std::vector<float> similarity(static_cast<size_t>(rows * cols));
        // Eighths sum exactly; in two of three rounds few values, so that many are equal.
        const int values = round % 3 == 0 ? 1000 : round % 3 == 1 ? 3 : 2;
        for (float& value : similarity) {
          value = static_cast<float>(static_cast<int>(random() % values)) / 8 - 0.25f;
        }
        const auto partner = *MaximalAssignment(similarity, rows, cols, kUnwatched);
        EXPECT_EQ(SumOf(partner, similarity, cols), BestByTrying(similarity, rows, cols))
            << rows << " x " << cols << ", round " << round;
      }
    }
  }
}

TEST(MaximalAssignmentTest, GivesUpAFavouriteForTheSumOfAll) {
  // The first row's favourite is the second row's only good column.
  EXPECT_THAT(*MaximalAssignment(std::vector<float>{0.9f, 0.8f, 0.9f, 0.1f}, 2, 2, kUnwatched),
              ElementsAre(1, 0));
  // A chain: each row prefers the column of the one before.
  EXPECT_THAT(
      *MaximalAssignment(std::vector<float>{1, .9f, 0, 0, 1, .9f, 1, 0, 0}, 3, 3, kUnwatched),
      ElementsAre(1, 2, 0));
}

TEST(MaximalAssignmentTest, TakesAnEqualMatrixInOrder) {
  EXPECT_THAT(*MaximalAssignment(std::vector<float>(12, 0.5f), 3, 4, kUnwatched),
              ElementsAre(0, 1, 2));
  EXPECT_THAT(*MaximalAssignment(std::vector<float>(6, 0.5f), 3, 2, kUnwatched),
              ElementsAre(0, 1, -1));
}

// No pair of rows gains by exchanging partners, and no row by a free column: holds for the best
// assignment of any size.
TEST(MaximalAssignmentTest, LargerSizesCannotBeBetteredByExchange) {
  for (const auto& [rows, cols] : {std::pair(120, 120), {60, 150}, {150, 60}}) {
    const std::vector<float> similarity = RandomValues(int64_t{rows} * cols, 5);
    const auto partner = *MaximalAssignment(similarity, rows, cols, kUnwatched);
    const auto value = [&](int i, int j) { return j < 0 ? 0.0f : similarity[i * cols + j]; };
    std::set<int32_t> taken(partner.begin(), partner.end());
    for (int i = 0; i < rows; ++i) {
      for (int k = 0; k < i; ++k) {
        ASSERT_LE(value(i, partner[k]) + value(k, partner[i]),
                  value(i, partner[i]) + value(k, partner[k]) + 1e-5f);
      }
      for (int j = 0; j < cols; ++j) {
        if (partner[i] >= 0 && taken.count(j) == 0) {
          ASSERT_LE(value(i, j), value(i, partner[i]) + 1e-6f);
        }
      }
    }
  }
}

TEST(MaximalAssignmentTest, TellsHowFarItIs) {
  // No row's favourite is free but the first one's.
  std::vector<int64_t> seen;
  const std::vector<float> similarity = {1, 0, 0, 1, 0, 0, 1, 0, 0};
  const auto watched = MaximalAssignment(similarity, 3, 3, [&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 3);
    seen.push_back(done);
    return absl::OkStatus();
  });
  EXPECT_TRUE(watched.ok());
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
}

TEST(MaximalAssignmentTest, EndsWhenItIsTold) {
  const std::vector<float> similarity = {1, 0, 0, 1, 0, 0, 1, 0, 0};
  const auto ended = MaximalAssignment(similarity, 3, 3, [](int64_t done, int64_t) {
    return done < 2 ? absl::OkStatus() : absl::CancelledError("enough");
  });
  EXPECT_EQ(ended.status().code(), absl::StatusCode::kCancelled);
}

TEST(MatchDirectionsTest, FindsAShuffledDictionaryAgain) {
  constexpr int kDim = 16;
  constexpr int kLatents = 200;
  const std::vector<float> a = RandomValues(kLatents * kDim, 1);
  std::vector<int32_t> place(kLatents);
  std::iota(place.begin(), place.end(), 0);
  std::shuffle(place.begin(), place.end(), std::mt19937(3));
  std::vector<float> b(a.size());
  for (int j = 0; j < kLatents; ++j) {
    // Length does not count, direction does.
    for (int i = 0; i < kDim; ++i) b[place[j] * kDim + i] = 0.01f * (j + 1) * a[j * kDim + i];
  }
  const Matching matching = *MatchDirections(a, b, kDim, kUnwatched);
  EXPECT_THAT(matching.partner, ElementsAreArray(place));
  EXPECT_THAT(matching.cosine, Each(testing::FloatNear(1.0f, 1e-5f)));
  const MatchingSummary summary = Summarise(matching);
  EXPECT_EQ(summary.pairs, kLatents);
  EXPECT_NEAR(summary.mean_cosine, 1.0, 1e-5);
  EXPECT_EQ(summary.above_9, 1.0);
}

TEST(MatchDirectionsTest, OppositeAndZeroDirectionsAreNotTheSame) {
  const std::vector<float> a = {2, 0, 0, 3, 0, 0};
  const std::vector<float> b = {-1, 0, 0, 1};
  const Matching matching = *MatchDirections(a, b, 2, kUnwatched);
  EXPECT_THAT(matching.partner, ElementsAre(-1, 1, 0));
  EXPECT_THAT(matching.cosine, ElementsAre(0, 1, 0));
}

TEST(SummariseTest, CountsPairsAlone) {
  const MatchingSummary summary = Summarise({{0, -1, 1, 2, 3}, {0.95f, 0.0f, 0.7f, 0.8f, -0.25f}});
  EXPECT_EQ(summary.pairs, 4);
  EXPECT_NEAR(summary.mean_cosine, 0.55, 1e-6);
  EXPECT_NEAR(summary.median_cosine, 0.75, 1e-6);
  EXPECT_EQ(summary.above_7, 0.5) << "0.7 is not above 0.7";
  EXPECT_EQ(summary.above_9, 0.25);
  EXPECT_EQ(Summarise({{0, 1, 2}, {0.1f, 0.5f, 0.6f}}).median_cosine, 0.5f);
  EXPECT_EQ(Summarise({{-1}, {0.0f}}).pairs, 0);
}

}  // namespace
}  // namespace recsae::sae
