#include "services/trainer/row_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "common/status/status.h"
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
  std::vector<float> batch;
  while (true) {
    const absl::StatusOr<int64_t> count = stream.Fill(batch_rows, batch);
    EXPECT_TRUE(count.ok()) << count.status();
    if (!count.ok() || *count == 0) return numbers;
    EXPECT_EQ(batch.size(), static_cast<size_t>(*count * 2));
    for (int64_t r = 0; r < *count; ++r) {
      EXPECT_EQ(batch[static_cast<size_t>(2 * r)], -batch[static_cast<size_t>(2 * r + 1)]);
      numbers.push_back(static_cast<int64_t>(batch[static_cast<size_t>(2 * r)]));
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
  std::vector<float> batch;
  absl::StatusOr<int64_t> count = stream.Fill(64, batch);
  EXPECT_EQ(count.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Reason(count.status()), "CAPTURE_TOO_SHORT");
}

TEST(RowStreamTest, CancelWakesAWaitingFill) {
  MemorySource source = Numbered(100, 7);
  source.StallAfter(20);
  RowStream stream(source, Options(100, 1));
  std::thread canceller([&] { stream.Cancel(); });
  std::vector<float> batch;
  const absl::StatusOr<int64_t> count = stream.Fill(64, batch);
  EXPECT_EQ(count.status().code(), absl::StatusCode::kCancelled);
  canceller.join();
}

// A reader that is far ahead must not keep the stream from being destroyed.
TEST(RowStreamTest, CanBeLeftEarly) {
  MemorySource source = Numbered(10'000, 7);
  RowStream stream(source, Options(10'000, 5));
  std::vector<float> batch;
  EXPECT_EQ(*stream.Fill(3, batch), 3);
}

}  // namespace
}  // namespace recsae::trainer
