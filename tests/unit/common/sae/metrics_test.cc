#include "common/sae/metrics.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "common/sae/statistics.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

using Code = std::vector<LatentActivation>;

// Rows (0, 0), (2, 0), (0, 4), (2, 4): mean (1, 2), variance 1 + 4 = 5.
constexpr float kRows[4][2] = {{0, 0}, {2, 0}, {0, 4}, {2, 4}};

ReconstructionMetrics Measure(const std::vector<std::vector<float>>& reconstructions,
                              const std::vector<Code>& codes) {
  MetricsAccumulator accumulator(2, 4);
  for (size_t r = 0; r < 4; ++r) {
    accumulator.AddRow(kRows[r], reconstructions[r].data(), codes[r]);
  }
  return accumulator.Result();
}

const std::vector<Code> kCodes = {{{0, 1.0f}, {2, 1.0f}}, {{0, 1.0f}}, {}, {{2, 1.0f}}};

TEST(MetricsTest, PerfectReconstruction) {
  const ReconstructionMetrics metrics = Measure({{0, 0}, {2, 0}, {0, 4}, {2, 4}}, kCodes);
  EXPECT_EQ(metrics.rows, 4);
  EXPECT_DOUBLE_EQ(metrics.fvu, 0.0);
  EXPECT_DOUBLE_EQ(metrics.explained_variance, 1.0);
  EXPECT_DOUBLE_EQ(metrics.l0, 1.0);             // 2 + 1 + 0 + 1 over 4 rows
  EXPECT_DOUBLE_EQ(metrics.dead_fraction, 0.5);  // latents 1 and 3 of 4
}

TEST(MetricsTest, MeanReconstructionLeavesAllVariance) {
  const ReconstructionMetrics metrics = Measure({{1, 2}, {1, 2}, {1, 2}, {1, 2}}, kCodes);
  EXPECT_DOUBLE_EQ(metrics.fvu, 1.0);
  EXPECT_DOUBLE_EQ(metrics.explained_variance, 0.0);
}

TEST(MetricsTest, ConstantOffsetCountsInFvuOnly) {
  // x̂ = x + (1, 0): every squared error 1, so FVU = 1 / 5; the residual does not vary.
  const ReconstructionMetrics metrics = Measure({{1, 0}, {3, 0}, {1, 4}, {3, 4}}, kCodes);
  EXPECT_DOUBLE_EQ(metrics.fvu, 0.2);
  EXPECT_DOUBLE_EQ(metrics.explained_variance, 1.0);
}

TEST(MetricsTest, HalfTheFirstCoordinate) {
  // x̂ = (1, x2): squared error 1 each, residual variance 1.
  const ReconstructionMetrics metrics = Measure({{1, 0}, {1, 0}, {1, 4}, {1, 4}}, kCodes);
  EXPECT_DOUBLE_EQ(metrics.fvu, 0.2);
  EXPECT_DOUBLE_EQ(metrics.explained_variance, 0.8);
}

TEST(MetricsTest, DataWithoutVariance) {
  MetricsAccumulator perfect(1, 1);
  MetricsAccumulator wrong(1, 1);
  const float x = 3.0f;
  const float other = 4.0f;
  for (int r = 0; r < 2; ++r) {
    perfect.AddRow(&x, &x, {});
    wrong.AddRow(&x, &other, {});
  }
  EXPECT_EQ(perfect.Result().fvu, 0.0);
  EXPECT_EQ(wrong.Result().fvu, std::numeric_limits<double>::infinity());
}

TEST(MetricsTest, NothingAdded) {
  const ReconstructionMetrics metrics = MetricsAccumulator(2, 4).Result();
  EXPECT_EQ(metrics.rows, 0);
  EXPECT_EQ(metrics.fvu, 0.0);
}

TEST(MetricsTest, ModelRowsMatchRowByRow) {
  SaeWeights weights = RandomWeights(5, 30, 3, Architecture::kTopK, 1);
  weights.input_scale = 1.7f;
  const absl::StatusOr<SaeModel> model = SaeModel::Create(weights);
  ASSERT_TRUE(model.ok());
  const std::vector<float> rows = RandomValues(200 * 5, 2);
  MetricsAccumulator batch(5, 30);
  MetricsAccumulator single(5, 30);
  batch.Add(*model, rows.data(), 200);
  for (int r = 0; r < 200; ++r) {
    const Code code = model->Encode(&rows[static_cast<size_t>(r * 5)]);
    std::vector<float> reconstruction(5);
    model->Decode(code, reconstruction.data());
    single.AddRow(&rows[static_cast<size_t>(r * 5)], reconstruction.data(), code);
  }
  EXPECT_NEAR(batch.Result().fvu, single.Result().fvu, 1e-5 * single.Result().fvu);
  EXPECT_EQ(batch.Result().l0, single.Result().l0);
}

// A common offset a thousand times the spread: float sums of squares would be off by far.
TEST(VarianceTest, LargeOffsetCostsNoPrecision) {
  VarianceAccumulator accumulator(1);
  for (int r = 0; r < 1000; ++r) {
    const float value = 4096.0f + static_cast<float>(r % 2);
    accumulator.Add(&value);
  }
  EXPECT_NEAR(accumulator.Variance(), 0.25, 1e-12);
  EXPECT_NEAR(accumulator.Mean()[0], 4096.5, 1e-9);
}

TEST(StatisticsTest, KnownAnswer) {
  const SampleStatistics statistics = ComputeStatistics(&kRows[0][0], 4, 2);
  EXPECT_DOUBLE_EQ(statistics.variance, 5.0);
  EXPECT_DOUBLE_EQ(statistics.mean_squared_norm, (0.0 + 4.0 + 16.0 + 20.0) / 4.0);
}

TEST(StatisticsTest, GeometricMedianOfASquareIsItsCentre) {
  const std::vector<float> median = GeometricMedian(&kRows[0][0], 4, 2);
  EXPECT_NEAR(median[0], 1.0, 1e-3);
  EXPECT_NEAR(median[1], 2.0, 1e-3);
}

TEST(StatisticsTest, GeometricMedianIgnoresFarRows) {
  std::vector<float> rows = RandomValues(99 * 3, 5, 0.1f);
  rows.insert(rows.end(), {1e4f, 1e4f, 1e4f});
  for (float value : GeometricMedian(rows.data(), 100, 3)) EXPECT_NEAR(value, 0.0, 0.05);
}

TEST(StatisticsTest, GeometricMedianOfEqualRows) {
  const std::vector<float> rows(10, 2.5f);
  EXPECT_EQ(GeometricMedian(rows.data(), 5, 2), (std::vector<float>{2.5f, 2.5f}));
}

}  // namespace
}  // namespace recsae::sae
