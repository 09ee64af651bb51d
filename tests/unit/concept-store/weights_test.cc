#include "services/concept-store/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "services/concept-store/sha256.h"

namespace recsae::concept_store {
namespace {

TEST(WeightShape, FollowsTheContract) {
  EXPECT_EQ(ShapeOf(WeightArray::kEncoder, 4, 16).rows, 16);
  EXPECT_EQ(ShapeOf(WeightArray::kEncoder, 4, 16).cols, 4);
  EXPECT_EQ(ShapeOf(WeightArray::kDecoder, 4, 16).rows, 16);
  EXPECT_TRUE(ShapeOf(WeightArray::kDecoder, 4, 16).is_matrix);
  EXPECT_EQ(ShapeOf(WeightArray::kEncoderBias, 4, 16).rows, 16);
  EXPECT_FALSE(ShapeOf(WeightArray::kEncoderBias, 4, 16).is_matrix);
  EXPECT_EQ(ShapeOf(WeightArray::kPreBias, 4, 16).rows, 4);
  EXPECT_EQ(ToWeightArray(0), std::nullopt);
  EXPECT_EQ(ToWeightArray(5), std::nullopt);
  EXPECT_EQ(ToWeightArray(3), WeightArray::kDecoder);
}

TEST(RowCoverage, KnowsWhatIsMissing) {
  RowCoverage coverage;
  EXPECT_FALSE(coverage.IsComplete(4));
  EXPECT_EQ(coverage.FirstMissing(), 0);
  EXPECT_TRUE(coverage.Add(2, 2));
  EXPECT_EQ(coverage.FirstMissing(), 0);
  EXPECT_TRUE(coverage.Add(0, 1));
  EXPECT_EQ(coverage.FirstMissing(), 1);
  EXPECT_FALSE(coverage.IsComplete(4));
  EXPECT_TRUE(coverage.Add(1, 1));
  EXPECT_TRUE(coverage.IsComplete(4));
  EXPECT_FALSE(coverage.IsComplete(5));
}

TEST(RowCoverage, TakesEachRowOnce) {
  RowCoverage coverage;
  ASSERT_TRUE(coverage.Add(4, 4));
  EXPECT_FALSE(coverage.Add(4, 4));
  EXPECT_FALSE(coverage.Add(3, 2));
  EXPECT_FALSE(coverage.Add(7, 1));
  EXPECT_FALSE(coverage.Add(0, 20));
  EXPECT_FALSE(coverage.Add(5, 1));
  EXPECT_TRUE(coverage.Add(8, 1));
  EXPECT_TRUE(coverage.Add(3, 1));
  EXPECT_FALSE(coverage.Add(8, 1));
}

TEST(RowCoverage, DoesNotDependOnTheOrderOfPieces) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::pair<int64_t, int64_t>> pieces;
    int64_t rows = 0;
    while (rows < 40) {
      const int64_t count = 1 + static_cast<int64_t>(random() % 5);
      pieces.emplace_back(rows, count);
      rows += count;
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    RowCoverage coverage;
    for (size_t i = 0; i < pieces.size(); ++i) {
      EXPECT_FALSE(coverage.IsComplete(rows));
      EXPECT_TRUE(coverage.Add(pieces[i].first, pieces[i].second));
      EXPECT_FALSE(coverage.Add(pieces[i].first, 1));
    }
    EXPECT_TRUE(coverage.IsComplete(rows));
  }
}

// FIPS 180-4, examples.
TEST(Sha256, GivesTheKnownDigests) {
  EXPECT_EQ(Sha256().Hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 abc;
  abc.Update("a");
  abc.Update("bc");
  EXPECT_EQ(abc.Hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace recsae::concept_store
