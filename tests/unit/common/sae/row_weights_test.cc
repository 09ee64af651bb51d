// Rows with weights do what their repetitions do.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "common/sae/batch_top_k.h"
#include "common/sae/gradients.h"
#include "common/sae/metrics.h"
#include "common/sae/statistics.h"
#include "tests/unit/common/sae/testing.h"
#include "tests/unit/common/sae/trainer_testing.h"

namespace recsae::sae {
namespace {

constexpr int kSize = 13;     // values of a row
constexpr int kLatents = 67;  // no multiple of a vector

// Distinct rows, how often each was there, and all of them one by one.
struct Repeated {
  std::vector<float> rows, weights, all;
  int64_t distinct = 0;
  int64_t total = 0;
};

Repeated Repeat(const std::vector<int>& counts) {
  Repeated made;
  made.distinct = static_cast<int64_t>(counts.size());
  made.rows = RandomValues(made.distinct * kSize, 7);
  for (const int count : counts) made.total += count;
  for (size_t r = 0; r < counts.size(); ++r) {
    const auto row = made.rows.begin() + static_cast<int64_t>(r) * kSize;
    for (int c = 0; c < counts[r]; ++c) made.all.insert(made.all.end(), row, row + kSize);
    made.weights.push_back(static_cast<float>(counts[r]) * static_cast<float>(made.distinct) /
                           static_cast<float>(made.total));
  }
  return made;
}

std::vector<int> UnequalCounts(int rows) {
  std::vector<int> counts;
  for (int r = 0; r < rows; ++r) counts.push_back(1 + r * r % 7);
  return counts;
}

LossConfig LossOf(Architecture architecture, const float* row_weights) {
  LossConfig loss;
  if (SelectsTopK(architecture)) loss.prefixes = {10, 30};
  for (int j = 0; j < kLatents; j += 5) loss.dead.push_back(j);
  loss.aux_k = 6;
  loss.aux_weight = 0.7;
  loss.sparsity_weight = 0.3;
  loss.bandwidth = 0.4;
  loss.variance = 1.3;
  loss.row_weights = row_weights;
  return loss;
}

std::vector<float> AllGradients(const BatchGradients& gradients) {
  std::vector<float> all = gradients.pre_bias();
  for (const std::vector<float>* part : {&gradients.encoder_bias(), &gradients.threshold()}) {
    all.insert(all.end(), part->begin(), part->end());
  }
  for (int j = 0; j < kLatents; ++j) {
    for (const float* row : {gradients.encoder(j), gradients.decoder(j)}) {
      for (int i = 0; i < kSize; ++i) all.push_back(gradients.has_gradient(j) ? row[i] : 0);
    }
  }
  return all;
}

void ExpectSameGradients(Architecture architecture, const std::vector<int>& counts) {
  const Repeated repeated = Repeat(counts);
  const SaeWeights weights = RandomWeights(kSize, kLatents, 8, architecture, 100);
  math::WorkerPool pool(2);
  BatchGradients expected;
  BatchGradients actual;
  for (int batch = 0; batch < 2; ++batch) {  // BatchTopK screens the second by the first
    const BatchLoss by_rows = expected.Compute(weights, LossOf(architecture, nullptr),
                                               repeated.all.data(), repeated.total, pool);
    const BatchLoss by_weight =
        actual.Compute(weights, LossOf(architecture, repeated.weights.data()), repeated.rows.data(),
                       repeated.distinct, pool);
    EXPECT_NEAR(by_weight.loss, by_rows.loss, 1e-5 * by_rows.loss);
    EXPECT_NEAR(by_weight.fvu, by_rows.fvu, 1e-5 * by_rows.fvu);
    EXPECT_NEAR(by_weight.aux, by_rows.aux, 1e-5 * by_rows.aux);
    EXPECT_NEAR(by_weight.sparsity, by_rows.sparsity, 1e-5 * by_rows.sparsity);
    EXPECT_NEAR(by_weight.l0, by_rows.l0, 1e-6 * by_rows.l0);
    EXPECT_NEAR(by_weight.squared_gradient, by_rows.squared_gradient,
                1e-4 * by_rows.squared_gradient);
    for (int j = 0; j < kLatents; ++j) EXPECT_EQ(actual.fired(j), expected.fired(j)) << j;
  }
  const std::vector<float> plain = AllGradients(expected);
  const std::vector<float> weighted = AllGradients(actual);
  float largest = 0.0f;
  for (const float g : plain) largest = std::max(largest, std::abs(g));
  for (size_t i = 0; i < plain.size(); ++i) ASSERT_NEAR(weighted[i], plain[i], 2e-5 * largest) << i;
}

TEST(RowWeightsTest, TheGradientIsThatOfTheRepeatedRows) {
  for (const Architecture architecture : {Architecture::kTopK, Architecture::kTopKSigned}) {
    ExpectSameGradients(architecture, UnequalCounts(9));
    ExpectSameGradients(architecture, UnequalCounts(300));
  }
}

TEST(RowWeightsTest, TheGradientOfThresholdsIsThatOfTheRepeatedRows) {
  ExpectSameGradients(Architecture::kRelu, UnequalCounts(300));
  ExpectSameGradients(Architecture::kJumpRelu, UnequalCounts(300));
}

// With equal counts no entry is kept for some of a row's copies and cut for others.
TEST(RowWeightsTest, BatchTopKKeepsTheEntriesOfTheRepeatedRows) {
  ExpectSameGradients(Architecture::kBatchTopK, std::vector<int>(100, 3));
}

// Entry for entry against counting down from the largest.
TEST(RowWeightsTest, KeepsTheLargestUpToTheWantedWeight) {
  const int64_t rows = 40;
  for (const double wanted : {0.0, 0.3, 7.5, 60.0, 200.0, 1e6}) {
    std::vector<RowLists> lists(3);
    std::vector<float> weights;
    std::vector<std::pair<float, float>> entries;  // value, weight
    const std::vector<float> values = RandomValues(rows * 5, 3);
    for (int64_t r = 0; r < rows; ++r) {
      weights.push_back(0.25f * static_cast<float>(1 + r % 6));
      RowLists& list = lists[static_cast<size_t>(r * 3 / rows)];
      for (int32_t j = 0; j < r % 5; ++j) {
        list.entries.push_back({j, values[static_cast<size_t>(r * 5 + j)]});
        entries.emplace_back(list.entries.back().value, weights.back());
      }
      list.EndRow();
    }
    std::sort(entries.rbegin(), entries.rend());
    size_t expected = 0;
    double sum = 0.0;
    while (expected < entries.size() && sum + entries[expected].second / 2 <= wanted) {
      sum += entries[expected++].second;
    }
    const float least =
        KeepHeaviestOfBatch({&lists[0], &lists[1], &lists[2]}, weights.data(), wanted);
    size_t kept = 0;
    for (const RowLists& list : lists) kept += list.entries.size();
    EXPECT_EQ(kept, expected) << wanted;
    EXPECT_EQ(least,
              expected > 0 ? entries[expected - 1].first : std::numeric_limits<float>::infinity());
  }
}

TEST(RowWeightsTest, StatisticsAreThoseOfTheRepeatedRows) {
  const Repeated repeated = Repeat(UnequalCounts(50));
  const SampleStatistics expected = ComputeStatistics(repeated.all.data(), repeated.total, kSize);
  const SampleStatistics actual =
      ComputeStatistics(repeated.rows.data(), repeated.distinct, kSize, repeated.weights.data());
  EXPECT_NEAR(actual.variance, expected.variance, 1e-6 * expected.variance);
  EXPECT_NEAR(actual.mean_squared_norm, expected.mean_squared_norm,
              1e-6 * expected.mean_squared_norm);
  const std::vector<float> median = GeometricMedian(repeated.all.data(), repeated.total, kSize);
  const std::vector<float> weighted =
      GeometricMedian(repeated.rows.data(), repeated.distinct, kSize, repeated.weights.data());
  for (int i = 0; i < kSize; ++i) EXPECT_NEAR(weighted[i], median[i], 1e-4);
}

TEST(RowWeightsTest, MetricsAreThoseOfTheRepeatedRows) {
  const std::vector<int> counts = UnequalCounts(50);
  const Repeated repeated = Repeat(counts);
  const std::vector<float> by_count(counts.begin(), counts.end());
  const absl::StatusOr<SaeModel> model =
      SaeModel::Create(RandomWeights(kSize, kLatents, 8, Architecture::kTopK, 100));
  ASSERT_TRUE(model.ok());
  MetricsAccumulator all(kSize, kLatents);
  all.Add(*model, repeated.all.data(), repeated.total);
  MetricsAccumulator weighted(kSize, kLatents);
  ASSERT_TRUE(weighted
                  .Add(
                      *model, repeated.rows.data(), repeated.distinct,
                      [] { return absl::OkStatus(); }, by_count.data())
                  .ok());
  const ReconstructionMetrics expected = all.Result();
  const ReconstructionMetrics actual = weighted.Result();
  EXPECT_EQ(actual.rows, repeated.total);
  EXPECT_NEAR(actual.fvu, expected.fvu, 1e-9);
  EXPECT_NEAR(actual.explained_variance, expected.explained_variance, 1e-9);
  EXPECT_NEAR(actual.cosine, expected.cosine, 1e-9);
  EXPECT_NEAR(actual.l0, expected.l0, 1e-9);
  EXPECT_EQ(actual.dead_fraction, expected.dead_fraction);
}

// Weights of 1 are no weights, to the bit: whatever the architecture, and where latents die.
TEST(RowWeightsTest, WeightsOfOneChangeNothing) {
  for (const Architecture architecture : {Architecture::kTopK, Architecture::kBatchTopK,
                                          Architecture::kRelu, Architecture::kJumpRelu}) {
    TrainConfig config = SmallConfig();
    config.architecture = architecture;
    if (architecture == Architecture::kJumpRelu) config.sparsity_weight = 1.0;
    if (SelectsTopK(architecture)) config.matryoshka_prefixes = {4, 16};
    config.dead_after_rows = 500;
    const std::vector<float> ones(static_cast<size_t>(kRows), 1.0f);
    const std::unique_ptr<Trainer> plain = Create(config, 2);
    absl::StatusOr<std::unique_ptr<Trainer>> weighted =
        Trainer::Create(config, kDim, kRows * 20, Rows().data(), kRows, 2, ones.data());
    ASSERT_TRUE(weighted.ok()) << weighted.status();
    for (int64_t step = 0; step < 40; ++step) {
      const float* rows = &Rows()[static_cast<size_t>(step * 256 % kRows * kDim)];
      const absl::StatusOr<StepStats> a = plain->Step(rows, 256);
      const absl::StatusOr<StepStats> b = (*weighted)->Step(rows, 256, nullptr, ones.data());
      ASSERT_TRUE(a.ok() && b.ok());
      ASSERT_EQ(a->loss, b->loss);
    }
    EXPECT_TRUE(plain->SaveState() == (*weighted)->SaveState());
  }
}

}  // namespace
}  // namespace recsae::sae
