#include "services/trainer/rows/row_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "tests/unit/trainer/testing.h"

namespace recsae::trainer {
namespace {

constexpr char kCapture[] = "recommenders/r/captures/c";

// Row i holds (i, -i).
MemorySource Numbered(int64_t rows, int64_t rows_per_message) {
  std::vector<float> values;
  for (int64_t i = 0; i < rows; ++i) {
    values.push_back(static_cast<float>(i));
    values.push_back(static_cast<float>(-i));
  }
  return {kCapture, 2, values, rows_per_message};
}

RowStreamOptions Options(int64_t rows, int64_t epochs) {
  RowStreamOptions options;
  options.capture = kCapture;
  options.dim = 2;
  options.rows = rows;
  options.epochs = epochs;
  options.seed = 3;
  return options;
}

// All rows of a stream, read in batches; their first values.
std::vector<int64_t> ReadAll(MemorySource& source, const RowStreamOptions& options,
                             int64_t batch_rows) {
  RowStream stream(source, options);
  std::vector<int64_t> numbers;
  while (true) {
    const absl::StatusOr<MatrixView> batch = stream.Next(batch_rows);
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || batch->rows == 0) return numbers;
    EXPECT_EQ(batch->cols, 2);
    for (int64_t r = 0; r < batch->rows; ++r) {
      EXPECT_EQ(batch->row(r)[0], -batch->row(r)[1]);
      numbers.push_back(static_cast<int64_t>(batch->row(r)[0]));
    }
    if (batch->rows < batch_rows) {
      EXPECT_EQ(stream.Next(batch_rows)->rows, 0);
    }
  }
}

TEST(RowStreamTest, StoredOrderIsOneWholePass) {
  MemorySource source = Numbered(100, 7);
  RowStreamOptions options = Options(100, 1);
  options.shuffled = false;
  const std::vector<int64_t> numbers = ReadAll(source, options, 16);
  ASSERT_EQ(numbers.size(), 100u);
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(numbers[static_cast<size_t>(i)], i);
}

TEST(RowStreamTest, EveryEpochHoldsEveryRowInItsOwnOrder) {
  MemorySource source = Numbered(100, 7);
  std::vector<int64_t> numbers = ReadAll(source, Options(100, 2), 16);
  ASSERT_EQ(numbers.size(), 200u);
  std::vector<int64_t> first(numbers.begin(), numbers.begin() + 100);
  std::vector<int64_t> second(numbers.begin() + 100, numbers.end());
  EXPECT_NE(first, second);
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  EXPECT_EQ(first, second);
  EXPECT_EQ(std::unique(first.begin(), first.end()), first.end());
}

// What a resumed run reads is the rest of what the whole run read, wherever it was stopped and
// however rows were packed into messages.
TEST(RowStreamTest, AnyPositionGoesOnWithTheSameRows) {
  MemorySource source = Numbered(50, 7);
  MemorySource packed_otherwise = Numbered(50, 1000);
  const std::vector<int64_t> whole = ReadAll(source, Options(50, 3), 16);
  for (int64_t position : {0, 1, 7, 49, 50, 51, 100, 149, 150}) {
    RowStreamOptions options = Options(50, 3);
    options.position = position;
    const std::vector<int64_t> rest(whole.begin() + position, whole.end());
    EXPECT_EQ(ReadAll(source, options, 11), rest) << position;
    EXPECT_EQ(ReadAll(packed_otherwise, options, 16), rest) << position;
  }
}

TEST(RowStreamTest, RowsRecordedLaterTakeNoPart) {
  MemorySource source = Numbered(60, 7);
  RowStreamOptions options = Options(50, 1);
  const std::vector<int64_t> numbers = ReadAll(source, options, 16);
  EXPECT_EQ(numbers.size(), 50u);
  EXPECT_LT(*std::max_element(numbers.begin(), numbers.end()), 50);
}

TEST(RowStreamTest, MissingRowsAreAnError) {
  MemorySource source = Numbered(100, 7);
  source.LoseRowsAfter(30);
  RowStream stream(source, Options(100, 1));
  const absl::Status status = stream.Next(64).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Reason(status), "CAPTURE_TOO_SHORT");
}

// A source whose rows cannot be read for a reason that is no status.
class ThrowingSource : public MemorySource {
 public:
  using MemorySource::MemorySource;

  std::unique_ptr<ActivationReader> Read(const std::string&, int, const ReadOrder&) override {
    class Thrower : public ActivationReader {
      absl::StatusOr<RowChunk> Next(int64_t) override { throw std::length_error("too long"); }
      void Cancel() override {}
    };
    return std::make_unique<Thrower>();
  }
};

TEST(RowStreamTest, WhatTheReadingThreadThrowsReachesWhoTakes) {
  ThrowingSource source(kCapture, 2, std::vector<float>{0, 0}, 1);
  RowStream stream(source, Options(1, 1));
  EXPECT_THROW(stream.Next(1).IgnoreError(), std::length_error);
}

TEST(RowStreamTest, CancelWakesWhoWaits) {
  MemorySource source = Numbered(100, 7);
  source.StallAfter(20);
  RowStream stream(source, Options(100, 1));
  std::thread canceller([&] { stream.Cancel(); });
  EXPECT_EQ(stream.Next(64).status().code(), absl::StatusCode::kCancelled);
  canceller.join();
}

// A reader that is far ahead must not keep the stream from being destroyed.
TEST(RowStreamTest, CanBeLeftEarly) {
  MemorySource source = Numbered(10'000, 7);
  RowStream stream(source, Options(10'000, 5));
  EXPECT_EQ(stream.Next(3)->rows, 3);
}

TEST(RowStreamTest, RowsThatLieTogetherAreNotCopied) {
  MemorySource source = Numbered(1000, 100);
  RowStream stream(source, Options(1000, 1));
  const float* first = stream.Next(40)->data;
  EXPECT_EQ(stream.Next(60)->data, first + 40 * 2);
  EXPECT_EQ(stream.Next(150)->rows, 150);
}

}  // namespace
}  // namespace recsae::trainer
