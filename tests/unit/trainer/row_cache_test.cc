#include "services/trainer/rows/row_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "services/trainer/rows/distinct_rows.h"
#include "services/trainer/rows/row_stream.h"
#include "tests/unit/common/sae/testing.h"
#include "tests/unit/trainer/in_job.h"
#include "tests/unit/trainer/testing.h"

namespace recsae::trainer {
namespace {

constexpr char kCapture[] = "recommenders/r/captures/c";
constexpr char kOther[] = "recommenders/r/captures/other";

std::unique_ptr<RowCache> Load(ActivationSource& source, int dim, int64_t rows) {
  absl::StatusOr<std::unique_ptr<RowCache>> cache;
  InJob([&](JobContext& job) {
    cache = RowCache::Load(source, kCapture, dim, rows, job, [](int64_t) {});
  });
  EXPECT_TRUE(cache.ok()) << cache.status();
  return *std::move(cache);
}

// The rows as NextScattered has them, copied together.
std::vector<float> ReadScattered(ActivationSource& source, const RowStreamOptions& options,
                                 std::vector<float>* weights) {
  RowStream stream(source, options);
  std::vector<float> values;
  while (true) {
    const absl::StatusOr<ScatteredRows> batch = stream.NextScattered(options.batch_rows);
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || batch->rows == 0) return values;
    for (int64_t row = 0; row < batch->rows; ++row) {
      const float* from =
          batch->values + (batch->at != nullptr ? batch->at[row] : row) * options.dim;
      values.insert(values.end(), from, from + options.dim);
      if (batch->weights != nullptr) weights->push_back(batch->weights[row]);
    }
  }
}

// In both ways.
std::vector<float> ReadAll(ActivationSource& source, const RowStreamOptions& options,
                           std::vector<float>* weights = nullptr) {
  std::vector<float> scattered_weights;
  const std::vector<float> scattered = ReadScattered(source, options, &scattered_weights);
  RowStream stream(source, options);
  std::vector<float> values;
  while (true) {
    const absl::StatusOr<WeightedRows> batch = stream.Next(options.batch_rows);
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || batch->rows == 0) break;
    values.insert(values.end(), batch->flat().begin(), batch->flat().end());
    if (weights == nullptr) {
      EXPECT_EQ(batch->weights, nullptr);
    } else {
      weights->insert(weights->end(), batch->weights, batch->weights + batch->rows);
    }
  }
  EXPECT_TRUE(scattered == values);
  EXPECT_EQ(scattered_weights, weights == nullptr ? std::vector<float>() : *weights);
  return values;
}

// Sizes around those of blocks and windows; 300 values a row make several windows of few rows.
TEST(RowCacheTest, SendsTheRowsOfTheSourceInItsOrder) {
  struct Shape {
    int dim;
    int64_t rows;
  };
  for (const Shape shape : {Shape{1, 1}, {3, 1024}, {64, 700}, {300, 9000}}) {
    MemorySource source(kCapture, shape.dim, sae::RandomValues(shape.rows * shape.dim, 5), 333);
    const auto cache = Load(source, shape.dim, shape.rows);
    for (const bool shuffled : {false, true}) {
      RowStreamOptions options;
      options.capture = kCapture;
      options.dim = shape.dim;
      options.rows = shape.rows;
      options.epochs = 2;
      options.shuffled = shuffled;
      options.seed = 17;
      options.batch_rows = 100;
      const std::vector<float> expected = ReadAll(source, options);
      EXPECT_EQ(expected.size(), static_cast<size_t>(2 * shape.rows * shape.dim));
      EXPECT_EQ(cache->distinct_rows(), shape.rows);
      EXPECT_EQ(cache->epoch_rows(), shape.rows);
      const int64_t before = source.rows_read();
      const int64_t position = shape.rows + shape.rows / 3;
      const std::vector<float> rest(expected.begin() + position * shape.dim, expected.end());
      for (ActivationSource* rows : {&cache->epochs(), &cache->distinct()}) {
        options.position = 0;
        EXPECT_TRUE(ReadAll(*rows, options) == expected);
        options.position = position;
        EXPECT_TRUE(ReadAll(*rows, options) == rest);
      }
      EXPECT_EQ(source.rows_read(), before);
    }
  }
}

// Of 600 rows each of 250 two or three times, through the blocks and windows of a shuffle.
TEST(RowCacheTest, RowsThatAreTheSameAreHeldOnce) {
  constexpr int kDim = 3;
  const std::vector<float> distinct = sae::RandomValues(int64_t{250} * kDim, 5);
  std::vector<float> all;
  for (int64_t r = 0; r < 600; ++r) {
    const auto row = distinct.begin() + r % 250 * kDim;
    all.insert(all.end(), row, row + kDim);
  }
  MemorySource source(kCapture, kDim, all, 77);
  const auto cache = Load(source, kDim, 600);
  EXPECT_EQ(cache->distinct_rows(), 250);
  EXPECT_EQ(cache->epoch_rows(), 600);
  EXPECT_LT(cache->bytes(), RowCache::MostBytes(600, kDim));
  RowStreamOptions options;
  options.capture = kCapture;
  options.dim = kDim;
  options.rows = 250;
  options.shuffled = false;
  options.batch_rows = 64;
  std::vector<float> weights;
  EXPECT_EQ(ReadAll(cache->distinct(), options, &weights), distinct);
  for (int r = 0; r < 250; ++r) EXPECT_EQ(weights[static_cast<size_t>(r)], r < 100 ? 3.0f : 2.0f);
  options.shuffled = true;
  weights.clear();
  std::vector<float> shuffled = ReadAll(cache->distinct(), options, &weights);
  double sum = 0.0;
  for (size_t r = 0; r < 250; ++r) {
    const bool early =
        std::search(distinct.begin(), distinct.begin() + 100 * kDim, &shuffled[r * kDim],
                    &shuffled[r * kDim] + kDim) != distinct.begin() + 100 * kDim;
    EXPECT_EQ(weights[r], early ? 3.0f : 2.0f);
    sum += weights[r];
  }
  EXPECT_EQ(sum, 600.0);
  // An epoch is no longer than the capture: each row as often as it is there.
  options.rows = 600;
  std::vector<float> epoch = ReadAll(cache->epochs(), options);
  std::sort(epoch.begin(), epoch.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(epoch, all);
}

TEST(DistinctRowsTest, SameToTheByteAndNoMore) {
  DistinctRows rows(1, 5);
  for (const float value : {0.0f, 1.0f, -0.0f, 1.0f, std::nextafter(1.0f, 2.0f)}) rows.Add(&value);
  const RowTable table = std::move(rows).Table();
  EXPECT_EQ(table.rows, 4);
  EXPECT_EQ(table.weights, (std::vector<float>{1, 2, 1, 1}));
  EXPECT_EQ(table.values[1], 1.0f);
}

// Whatever the epoch's length, sums over it are those over the capture, but for one factor.
TEST(DistinctRowsTest, AnEpochWeighsWhatTheCaptureDoes) {
  RowTable distinct;
  for (const int count : {1, 1, 2, 3, 5, 8, 100, 1000, 4000}) {
    distinct.weights.push_back(static_cast<float>(count));
  }
  distinct.rows = static_cast<int64_t>(distinct.weights.size());
  const double all = 5120.0;
  for (const int64_t target : {1, 20, 600, 5120, 100'000}) {
    const RowTable epoch = EpochOf(distinct, target);
    EXPECT_EQ(static_cast<int64_t>(epoch.at.size()), epoch.rows);
    EXPECT_GE(epoch.rows, std::min<int64_t>(target, 5120) - 9);
    EXPECT_LE(epoch.rows, std::min<int64_t>(2 * std::max<int64_t>(target, 9), 5120));
    EXPECT_EQ(epoch.weights.empty(), target >= 5120);
    std::vector<double> weight(distinct.weights.size());
    for (size_t i = 0; i < epoch.at.size(); ++i) {
      const float w = epoch.weights.empty() ? 1.0f : epoch.weights[i];
      EXPECT_LT(w, 3.0f);
      weight[static_cast<size_t>(epoch.at[i])] += w;
    }
    const double factor = static_cast<double>(epoch.rows) / all;
    for (size_t r = 0; r < weight.size(); ++r) {
      EXPECT_NEAR(weight[r], distinct.weights[r] * factor, 1e-4 * weight[r]) << r;
    }
  }
}

TEST(RowCacheTest, OtherCapturesComeFromTheSource) {
  MemorySource source(kCapture, 2, {1, 2, 3, 4}, 10);
  source.AddCapture(kOther, 2, {5, 6});
  const auto cache = Load(source, 2, 2);
  RowStreamOptions options;
  options.capture = kOther;
  options.dim = 2;
  options.rows = 1;
  options.shuffled = false;
  EXPECT_EQ(ReadAll(cache->epochs(), options), (std::vector<float>{5, 6}));
}

TEST(RowCacheTest, ReadsOnlyThePinnedRows) {
  MemorySource source(kCapture, 2, sae::RandomValues(2 * 500, 5), 10);
  const auto cache = Load(source, 2, 300);
  EXPECT_EQ(source.rows_read(), 300);
  EXPECT_EQ(source.row_limits(), std::vector<int64_t>{300});
}

TEST(RowCacheTest, ACaptureThatLostRowsIsAnError) {
  MemorySource source(kCapture, 2, sae::RandomValues(2 * 500, 5), 10);
  source.LoseRowsAfter(200);
  InJob([&](JobContext& job) {
    EXPECT_EQ(Reason(RowCache::Load(source, kCapture, 2, 500, job, [](int64_t) {}).status()),
              "CAPTURE_TOO_SHORT");
  });
}

TEST(RowCacheTest, CancelledReadersEnd) {
  MemorySource source(kCapture, 2, sae::RandomValues(2 * 500, 5), 10);
  const auto cache = Load(source, 2, 500);
  ReadOrder order;
  order.row_limit = 500;
  const auto reader = cache->epochs().Read(kCapture, 2, order);
  reader->Cancel();
  EXPECT_EQ(reader->Next(2).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace recsae::trainer
