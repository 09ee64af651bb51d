#include "services/trainer/rows/row_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "services/trainer/rows/row_stream.h"
#include "tests/unit/common/sae/testing.h"
#include "tests/unit/trainer/in_job.h"
#include "tests/unit/trainer/testing.h"

namespace recsae::trainer {
namespace {

constexpr char kCapture[] = "recommenders/r/captures/c";
constexpr char kOther[] = "recommenders/r/captures/other";

std::unique_ptr<ActivationSource> Load(ActivationSource& source, int dim, int64_t rows) {
  absl::StatusOr<std::unique_ptr<ActivationSource>> cache;
  InJob([&](JobContext& job) {
    cache = LoadRowCache(source, kCapture, dim, rows, job, [](int64_t) {});
  });
  EXPECT_TRUE(cache.ok()) << cache.status();
  return *std::move(cache);
}

std::vector<float> ReadAll(ActivationSource& source, const RowStreamOptions& options) {
  RowStream stream(source, options);
  std::vector<float> values;
  while (true) {
    const absl::StatusOr<MatrixView> batch = stream.Next(options.batch_rows);
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || batch->rows == 0) return values;
    values.insert(values.end(), batch->flat().begin(), batch->flat().end());
  }
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
      const int64_t before = source.rows_read();
      EXPECT_TRUE(ReadAll(*cache, options) == expected);
      options.position = shape.rows + shape.rows / 3;
      const std::vector<float> rest(expected.begin() + options.position * shape.dim,
                                    expected.end());
      EXPECT_TRUE(ReadAll(*cache, options) == rest);
      EXPECT_EQ(source.rows_read(), before);
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
  EXPECT_EQ(ReadAll(*cache, options), (std::vector<float>{5, 6}));
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
    EXPECT_EQ(Reason(LoadRowCache(source, kCapture, 2, 500, job, [](int64_t) {}).status()),
              "CAPTURE_TOO_SHORT");
  });
}

TEST(RowCacheTest, CancelledReadersEnd) {
  MemorySource source(kCapture, 2, sae::RandomValues(2 * 500, 5), 10);
  const auto cache = Load(source, 2, 500);
  ReadOrder order;
  order.row_limit = 500;
  const auto reader = cache->Read(kCapture, 2, order);
  reader->Cancel();
  EXPECT_EQ(reader->Next(2).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace recsae::trainer
