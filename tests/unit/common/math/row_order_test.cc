#include "common/math/row_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace recsae {
namespace {

std::vector<int64_t> Rows(const RowOrder& order) {
  std::vector<int64_t> rows;
  for (int64_t w = 0; w < order.windows(); ++w) {
    std::vector<int64_t> slot_rows;
    for (const RowRun& run : order.Blocks(w)) {
      for (int32_t i = 0; i < run.rows; ++i) slot_rows.push_back(run.first_row + i);
    }
    EXPECT_EQ(order.WindowStart(w), static_cast<int64_t>(rows.size()));
    std::vector<int64_t> window;
    for (const uint32_t slot : order.Slots(w)) window.push_back(slot_rows.at(slot));
    EXPECT_EQ(order.Rows(w), window);
    rows.insert(rows.end(), window.begin(), window.end());
  }
  return rows;
}

bool IsPermutation(std::vector<int64_t> rows, int64_t count) {
  std::vector<int64_t> expected(count);
  std::iota(expected.begin(), expected.end(), 0);
  std::sort(rows.begin(), rows.end());
  return rows == expected;
}

TEST(BlockRowsTest, FillsAtMost64KiBAndHoldsAtLeastOneRow) {
  EXPECT_EQ(BlockRows(1), 1024);
  EXPECT_EQ(BlockRows(16), 1024);
  EXPECT_EQ(BlockRows(64), 256);
  EXPECT_EQ(BlockRows(65), 128);
  EXPECT_EQ(BlockRows(16384), 1);
  EXPECT_EQ(BlockRows(65536), 1);
}

TEST(RowOrderTest, StoredOrderCounts) {
  const RowOrder order(100'000, 64, std::nullopt);
  std::vector<int64_t> expected(100'000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(Rows(order), expected);
}

class ShuffledSizes : public testing::TestWithParam<int64_t> {};

TEST_P(ShuffledSizes, IsAPermutationInWhichEveryPlaceFindsItsWindow) {
  for (const int dim : {64, 1000, 65536}) {
    if (dim == 65536 && GetParam() > 10'000) continue;
    const RowOrder order(GetParam(), dim, Shuffle{7, 3});
    EXPECT_TRUE(IsPermutation(Rows(order), GetParam()));
    for (int64_t w = 0; w < order.windows(); ++w) {
      EXPECT_EQ(order.WindowOf(order.WindowStart(w)), w);
      EXPECT_EQ(order.WindowOf(order.WindowStart(w + 1) - 1), w);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(RowOrderTest, ShuffledSizes,
                         testing::Values(0, 1, 255, 256, 257, 65'536, 65'537, 131'072, 200'001));

TEST(RowOrderTest, DependsOnSeedEpochAndRowsAlone) {
  const auto rows = [](int64_t count, uint64_t seed, int64_t epoch) {
    return Rows(RowOrder(count, 64, Shuffle{seed, epoch}));
  };
  const std::vector<int64_t> first = rows(100'000, 1, 0);
  EXPECT_EQ(rows(100'000, 1, 0), first);
  EXPECT_NE(rows(100'000, 2, 0), first);
  EXPECT_NE(rows(100'000, 1, 1), first);
  // Seeds and epochs are not interchangeable.
  EXPECT_NE(rows(100'000, 1, 2), rows(100'000, 2, 1));
}

// Neighbours on disk (one user's rows) end up far apart: the mean distance between the places of
// consecutive rows is near that of a full shuffle within their window.
TEST(RowOrderTest, SpreadsNeighbours) {
  constexpr int64_t kRows = 300'000;
  const std::vector<int64_t> rows = Rows(RowOrder(kRows, 64, Shuffle{5, 0}));
  std::vector<int64_t> place(kRows);
  for (int64_t i = 0; i < kRows; ++i) place[rows[i]] = i;
  double distance = 0;
  for (int64_t row = 1; row < kRows; ++row) {
    distance += static_cast<double>(std::abs(place[row] - place[row - 1]));
  }
  EXPECT_GT(distance / (kRows - 1), 65'536 / 4.0);
  // A batch of 2,048 rows holds rows from most of the window's 256 blocks.
  std::vector<int64_t> blocks;
  for (int64_t i = 0; i < 2048; ++i) blocks.push_back(rows[i] / 256);
  std::sort(blocks.begin(), blocks.end());
  blocks.erase(std::unique(blocks.begin(), blocks.end()), blocks.end());
  EXPECT_GT(blocks.size(), 200U);
}

// The order is part of the contract (training is reproducible across versions): these numbers must
// not change.
TEST(RowOrderTest, IsTheSameOnEveryMachine) {
  const std::vector<int64_t> rows = Rows(RowOrder(1000, 64, Shuffle{1, 0}));
  const std::vector<int64_t> head(rows.begin(), rows.begin() + 4);
  EXPECT_EQ(head, (std::vector<int64_t>{765, 547, 308, 884}));
}

}  // namespace
}  // namespace recsae
