#include "services/concept-store/store/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "common/base/sha256.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

v1::Sae Sae(v1::Sae::Architecture architecture) {
  v1::Sae sae = SampleSae();
  sae.set_architecture(architecture);
  return sae;
}

TEST(WeightShape, FollowsTheContract) {
  const v1::Sae sae = Sae(v1::Sae::ARCHITECTURE_JUMP_RELU);
  EXPECT_EQ(ShapeOf(WeightArray::kEncoder, sae).rows, 16);
  EXPECT_EQ(ShapeOf(WeightArray::kEncoder, sae).cols, 4);
  EXPECT_EQ(ShapeOf(WeightArray::kDecoder, sae).rows, 16);
  EXPECT_TRUE(ShapeOf(WeightArray::kDecoder, sae).is_matrix);
  EXPECT_EQ(ShapeOf(WeightArray::kEncoderBias, sae).rows, 16);
  EXPECT_FALSE(ShapeOf(WeightArray::kEncoderBias, sae).is_matrix);
  EXPECT_EQ(ShapeOf(WeightArray::kPreBias, sae).rows, 4);
  EXPECT_EQ(ShapeOf(WeightArray::kThreshold, sae).rows, 16);
  EXPECT_FALSE(ShapeOf(WeightArray::kThreshold, sae).is_matrix);
}

TEST(WeightArrays, FollowFromTheArchitecture) {
  const v1::Sae topk = Sae(v1::Sae::ARCHITECTURE_TOPK);
  EXPECT_EQ(ToWeightArray(topk, 0), std::nullopt);
  EXPECT_EQ(ToWeightArray(topk, 3), WeightArray::kDecoder);
  for (const auto none : {v1::Sae::ARCHITECTURE_TOPK, v1::Sae::ARCHITECTURE_TOPK_SIGNED,
                          v1::Sae::ARCHITECTURE_RELU}) {
    EXPECT_EQ(WeightArraysOf(Sae(none)).size(), 4);
    EXPECT_EQ(ToWeightArray(Sae(none), 5), std::nullopt);
  }
  for (const auto one : {v1::Sae::ARCHITECTURE_BATCH_TOPK, v1::Sae::ARCHITECTURE_JUMP_RELU}) {
    EXPECT_EQ(WeightArraysOf(Sae(one)).size(), 5);
    EXPECT_EQ(ToWeightArray(Sae(one), 5), WeightArray::kThreshold);
    EXPECT_EQ(ToWeightArray(Sae(one), 6), std::nullopt);
  }
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

TEST(RowCoverage, HoldsMoreTheMoreIsScattered) {
  RowCoverage together, scattered;
  for (int64_t row = 0; row < 100; ++row) {
    ASSERT_TRUE(together.Add(row, 1));
    ASSERT_TRUE(scattered.Add(2 * row, 1));
  }
  EXPECT_EQ(scattered.bytes(), 100 * together.bytes());
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
