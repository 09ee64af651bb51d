#include "common/sae/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
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
  EXPECT_DOUBLE_EQ(metrics.cosine, 1.0);
  EXPECT_DOUBLE_EQ(metrics.l0, 1.0);             // 2 + 1 + 0 + 1 over 4 rows
  EXPECT_DOUBLE_EQ(metrics.dead_fraction, 0.5);  // latents 1 and 3 of 4
}

TEST(MetricsTest, MeanReconstructionLeavesAllVariance) {
  const ReconstructionMetrics metrics = Measure({{1, 2}, {1, 2}, {1, 2}, {1, 2}}, kCodes);
  EXPECT_DOUBLE_EQ(metrics.fvu, 1.0);
  EXPECT_DOUBLE_EQ(metrics.explained_variance, 0.0);
  // With (1, 2): the row 0 counts 0, (2, 0) 1/√5, (0, 4) 2/√5, (2, 4) 1.
  EXPECT_DOUBLE_EQ(metrics.cosine, (1.0 + 3.0 / std::sqrt(5.0)) / 4.0);
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

TEST(MetricsTest, WrongLengthCostsVarianceButNoCosine) {
  // x̂ = 3 x: squared errors 4 ‖x‖², of which the mean is 4 · 10, the variance 4 · 5.
  const ReconstructionMetrics metrics = Measure({{0, 0}, {6, 0}, {0, 12}, {6, 12}}, kCodes);
  EXPECT_DOUBLE_EQ(metrics.fvu, 8.0);
  EXPECT_DOUBLE_EQ(metrics.explained_variance, -3.0);
  EXPECT_DOUBLE_EQ(metrics.cosine, 1.0);
}

TEST(MetricsTest, OrthogonalReconstruction) {
  // x̂ = x turned by 90 degrees: squared errors 2 ‖x‖²; only 0 is where it belongs.
  const ReconstructionMetrics metrics = Measure({{0, 0}, {0, 2}, {-4, 0}, {-4, 2}}, kCodes);
  EXPECT_DOUBLE_EQ(metrics.fvu, 4.0);
  EXPECT_DOUBLE_EQ(metrics.explained_variance, -1.0);
  EXPECT_DOUBLE_EQ(metrics.cosine, 0.25);
}

TEST(MetricsTest, ZeroReconstruction) {
  // FVU is the mean squared norm over the variance, 10 / 5; nothing varies but x.
  const ReconstructionMetrics metrics = Measure({{0, 0}, {0, 0}, {0, 0}, {0, 0}}, kCodes);
  EXPECT_DOUBLE_EQ(metrics.fvu, 2.0);
  EXPECT_DOUBLE_EQ(metrics.explained_variance, 0.0);
  EXPECT_DOUBLE_EQ(metrics.cosine, 0.25);
}

TEST(MetricsTest, OppositeReconstruction) {
  const ReconstructionMetrics metrics = Measure({{0, 0}, {-2, 0}, {0, -4}, {-2, -4}}, kCodes);
  EXPECT_DOUBLE_EQ(metrics.fvu, 8.0);
  EXPECT_DOUBLE_EQ(metrics.cosine, -0.5);  // (1 − 1 − 1 − 1) / 4
}

// One row has no variance, nor have equal rows.
TEST(MetricsTest, DataWithoutVariance) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const float x[2] = {3.0f, 0.1f};
  const float other[2] = {4.0f, 0.1f};
  for (int rows : {1, 2, 7}) {
    MetricsAccumulator perfect(2, 1);
    MetricsAccumulator wrong(2, 1);
    MetricsAccumulator varying(2, 1);
    for (int r = 0; r < rows; ++r) {
      perfect.AddRow(x, x, {});
      wrong.AddRow(x, other, {});
      varying.AddRow(x, r == 0 ? x : other, {});
    }
    EXPECT_EQ(perfect.Result().fvu, 0.0);
    EXPECT_EQ(perfect.Result().explained_variance, 1.0);
    EXPECT_EQ(wrong.Result().fvu, kInfinity);
    EXPECT_EQ(wrong.Result().explained_variance, 1.0);  // a constant offset is forgiven
    EXPECT_LT(wrong.Result().cosine, 1.0);
    if (rows > 1) {
      EXPECT_EQ(varying.Result().fvu, kInfinity);
      EXPECT_EQ(varying.Result().explained_variance, -kInfinity);
    }
  }
}

// The definitions, in two passes over the data, far from the origin and in any unit.
TEST(MetricsTest, MatchesDefinitionsOnRandomRows) {
  constexpr int kCount = 300;
  constexpr int kDim = 7;
  for (float unit : {1e-6f, 1.0f, 1e6f}) {
    std::vector<float> x = RandomValues(kCount * kDim, 21, unit);
    std::vector<float> reconstruction = x;
    const std::vector<float> error = RandomValues(kCount * kDim, 22, 0.3f * unit);
    MetricsAccumulator accumulator(kDim, 1);
    std::vector<double> mean(kDim);
    std::vector<double> mean_error(kDim);
    double cosine = 0.0;
    for (size_t r = 0; r < kCount; ++r) {
      double product = 0.0;
      double norms[2] = {};
      for (size_t i = 0; i < kDim; ++i) {
        float& value = x[r * kDim + i];
        float& guess = reconstruction[r * kDim + i];
        value += 5.0f * unit;
        guess = value + error[r * kDim + i];
        mean[i] += static_cast<double>(value) / kCount;
        mean_error[i] += (static_cast<double>(guess) - value) / kCount;
        product += static_cast<double>(value) * guess;
        norms[0] += static_cast<double>(value) * value;
        norms[1] += static_cast<double>(guess) * guess;
      }
      cosine += product / std::sqrt(norms[0] * norms[1]) / kCount;
      accumulator.AddRow(&x[r * kDim], &reconstruction[r * kDim], {});
    }
    double variance = 0.0;
    double squared_error = 0.0;
    double error_variance = 0.0;
    for (size_t at = 0; at < x.size(); ++at) {
      const double e = static_cast<double>(reconstruction[at]) - x[at];
      variance += std::pow(x[at] - mean[at % kDim], 2);
      squared_error += e * e;
      error_variance += std::pow(e - mean_error[at % kDim], 2);
    }
    const ReconstructionMetrics metrics = accumulator.Result();
    EXPECT_NEAR(metrics.fvu, squared_error / variance, 1e-6);
    EXPECT_NEAR(metrics.explained_variance, 1.0 - error_variance / variance, 1e-6);
    EXPECT_NEAR(metrics.cosine, cosine, 1e-9);
  }
}

TEST(MetricsTest, NothingAdded) {
  const ReconstructionMetrics metrics = MetricsAccumulator(2, 4).Result();
  EXPECT_EQ(metrics.rows, 0);
  EXPECT_EQ(metrics.fvu, 0.0);
  EXPECT_EQ(metrics.cosine, 0.0);
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
  EXPECT_NEAR(batch.Result().cosine, single.Result().cosine, 1e-5);
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
