// Lists of many rows against sorting each row's scores in double.
#include "services/explainer/steered/lists.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "common/base/status.h"
#include "tests/unit/explainer/random_model.h"

namespace recsae::explainer {
namespace {

absl::Status Go() { return absl::OkStatus(); }

SteeredRows RandomRows(int rows, int dim, int items, std::mt19937_64& random) {
  SteeredRows made;
  made.dim = dim;
  made.activations = RandomVector(static_cast<size_t>(rows) * dim, random);
  for (int i = 0; i < rows; ++i) {
    SteeredCase& row = made.cases.emplace_back();
    row.user = i / 2;
    row.target = i % 5 == 0 ? -1 : i % items;
    for (int e = 0; e < 4; ++e) row.excluded.push_back((i * 7 + e * 3 + 1) % items);
    std::erase(row.excluded, row.target);
  }
  return made;
}

TEST(Lists, AreThoseOfEachRow) {
  std::mt19937_64 random(5);
  for (const bool biases : {false, true}) {
    const PredictionHead head = RandomHead(6, 40, biases, random);
    const SteeredRows rows = RandomRows(150, 6, 40, random);
    const auto lists = RankRows(head, rows.activations, rows, Go);
    ASSERT_TRUE(lists.ok());
    const std::vector<double> gains = lists->Gains();
    for (int64_t i = 0; i < rows.rows(); ++i) {
      const SteeredCase& row = rows.cases[i];
      const std::vector<float> x(rows.Row(i).begin(), rows.Row(i).end());
      const std::vector<int32_t> ranked = RankedItems(head, x, row.excluded);
      EXPECT_EQ(lists->tens[i], std::vector<int32_t>(ranked.begin(), ranked.begin() + 10));
      const auto place = std::find(ranked.begin(), ranked.end(), row.target) - ranked.begin();
      EXPECT_EQ(lists->ranks[i], row.target < 0 ? 0 : place + 1);
      const bool hit = row.target >= 0 && place < 10;
      EXPECT_DOUBLE_EQ(gains[i], hit ? 1 / std::log2(2.0 + static_cast<double>(place)) : 0);
    }
  }
}

TEST(Lists, WithheldItemsAreInNone) {
  std::mt19937_64 random(6);
  PredictionHead head = RandomHead(4, 30, false, random);
  head.withheld = {0, 7, 29};
  const SteeredRows rows = RandomRows(20, 4, 30, random);
  const auto lists = RankRows(head, rows.activations, rows, Go);
  ASSERT_TRUE(lists.ok());
  for (const auto& ten : lists->tens) {
    for (const int32_t item : ten) {
      EXPECT_FALSE(std::binary_search(head.withheld.begin(), head.withheld.end(), item));
    }
  }
}

TEST(Lists, StopWhenNobodyWantsThem) {
  std::mt19937_64 random(7);
  const PredictionHead head = RandomHead(4, 30, false, random);
  const SteeredRows rows = RandomRows(20, 4, 30, random);
  const auto stopped = [] {
    return Error(absl::StatusCode::kCancelled, "JOB_CANCELLED", "cancelled");
  };
  EXPECT_EQ(RankRows(head, rows.activations, rows, stopped).status().code(),
            absl::StatusCode::kCancelled);
}

TEST(Lists, DiversityBetweenIsThatOfAllPairs) {
  std::mt19937_64 random(8);
  const PredictionHead head = RandomHead(3, 40, false, random);
  const SteeredRows rows = RandomRows(25, 3, 40, random);
  const auto lists = RankRows(head, rows.activations, rows, Go);
  ASSERT_TRUE(lists.ok());
  double sum = 0, pairs = 0;
  for (size_t a = 0; a < lists->tens.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      int shared = 0;
      for (const int32_t item : lists->tens[a]) {
        shared += static_cast<int>(std::count(lists->tens[b].begin(), lists->tens[b].end(), item));
      }
      sum += 1 - shared / 10.0;
      pairs += 1;
    }
  }
  EXPECT_NEAR(InterListDiversity(*lists, 40), sum / pairs, 1e-12);
  EXPECT_EQ(InterListDiversity(Lists(), 40), 0);
}

TEST(RowSample, KeepsEveryRowAlikeOften) {
  std::vector<int> kept(50);
  for (uint64_t seed = 0; seed < 400; ++seed) {
    RowSample sample(1, 10, seed);
    for (int i = 0; i < 50; ++i) {
      const float x = static_cast<float>(i);
      SteeredCase row;
      row.user = i;
      sample.Add({&x, 1}, row);
    }
    ASSERT_EQ(sample.rows().rows(), 10);
    EXPECT_EQ(sample.seen(), 50);
    for (int64_t r = 0; r < 10; ++r) {
      EXPECT_EQ(sample.rows().Row(r)[0], static_cast<float>(sample.rows().cases[r].user));
      ++kept[sample.rows().cases[r].user];
    }
  }
  // 80 of 400 expected, with a deviation of 8.
  for (const int count : kept) EXPECT_NEAR(count, 80, 40);
}

}  // namespace
}  // namespace recsae::explainer
