#include "services/probe/captures/capture_store.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "services/probe/captures/capture_reader.h"

namespace recsae::probe {
namespace {

constexpr int kDim = 64;
constexpr char kName[] = "recommenders/r/captures/c";

// Row `row` of a test capture: its number in every value, so that a misplaced row shows.
std::vector<float> Values(int64_t first, int64_t rows) {
  std::vector<float> values(rows * kDim);
  for (int64_t i = 0; i < rows * kDim; ++i) values[i] = static_cast<float>(first + i / kDim);
  return values;
}

MatrixView View(const std::vector<float>& values) {
  return {values.data(), static_cast<int64_t>(values.size()) / kDim, kDim};
}

class CaptureStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(testing::TempDir(), "/captures-", test->name(), "-", getpid());
    std::filesystem::remove_all(folder_);
    Reopen();
  }
  void TearDown() override {
    captures_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Reopen() {
    captures_.reset();
    store_.reset();
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(folder_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    captures_ = std::make_unique<CaptureStore>(*store_);
  }

  StoredCapture NewCapture(int64_t rows = 0) {
    StoredCapture capture;
    capture.message.set_name(kName);
    capture.message.set_dim(kDim);
    capture.message.set_row_count(rows);
    return capture;
  }

  void Create() {
    WriteBatch batch = store_->db().NewBatch();
    ASSERT_TRUE(captures_->Create(NewCapture(), batch).ok());
    ASSERT_TRUE(store_->db().Write(std::move(batch)).ok());
  }

  absl::StatusOr<CaptureStore::Appended> Append(const std::string& producer, int64_t sequence,
                                                int64_t first, int64_t rows,
                                                absl::Span<const StoredCase> cases = {}) {
    const std::vector<float> values = Values(first, rows);
    return captures_->Append(
        kName, {producer, sequence, View(values), cases, Fingerprint(FloatsAsBytes(values))});
  }

  v1::Producer ProducerOf(const std::string& name) {
    return *captures_->GetProducer(*captures_->Get(kName), name);
  }

  // The first value of each row from `start` on, in the order asked for.
  std::vector<int64_t> ReadAll(std::optional<Shuffle> shuffle, int64_t start, int64_t limit,
                               int64_t batch_rows) {
    CaptureReader reader(*captures_, *captures_->Get(kName), limit, shuffle, start, true);
    std::vector<int64_t> rows;
    std::vector<int64_t> firsts;
    std::vector<float> values(batch_rows * kDim);
    while (reader.remaining() > 0) {
      const int64_t count = std::min(batch_rows, reader.remaining());
      const absl::Status status = reader.Read(count, &rows, reinterpret_cast<char*>(values.data()));
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) break;
      for (int64_t i = 0; i < count; ++i) {
        firsts.push_back(static_cast<int64_t>(values[i * kDim]));
        EXPECT_EQ(values[i * kDim], values[i * kDim + kDim - 1]);
      }
    }
    EXPECT_EQ(rows, firsts);
    return firsts;
  }

  std::string folder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<CaptureStore> captures_;
};

TEST_F(CaptureStoreTest, StoresABatchOnceHoweverOftenItIsSent) {
  Create();
  EXPECT_EQ(*Append("p", 1, 0, 10), CaptureStore::Appended::kStored);
  EXPECT_EQ(*Append("p", 2, 10, 5), CaptureStore::Appended::kStored);
  EXPECT_EQ(*Append("p", 1, 0, 10), CaptureStore::Appended::kDuplicate);
  EXPECT_EQ(*Append("p", 2, 10, 5), CaptureStore::Appended::kDuplicate);
  const StoredCapture capture = *captures_->Get(kName);
  EXPECT_EQ(capture.message.row_count(), 15);
  EXPECT_EQ(capture.message.producers_size(), 0) << "each has a key of its own";
  EXPECT_EQ(capture.message.producer_count(), 1);
  EXPECT_EQ(ProducerOf("p").last_sequence(), 2);
  EXPECT_EQ(ProducerOf("p").row_count(), 15);
  EXPECT_EQ(ReadAll(std::nullopt, 0, 15, 4).back(), 14);
}

TEST_F(CaptureStoreTest, OtherContentUnderAStoredSequenceIsRefused) {
  Create();
  ASSERT_TRUE(Append("p", 1, 0, 10).ok());
  ASSERT_TRUE(Append("p", 2, 10, 10).ok());
  Reopen();
  const absl::Status reused = Append("p", 1, 20, 10).status();
  EXPECT_EQ(reused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Reason(reused), "SEQUENCE_REUSED");
  EXPECT_EQ(Metadata(reused),
            (ErrorMetadata{
                {"capture", kName}, {"last_sequence", "2"}, {"producer", "p"}, {"sequence", "1"}}));
  EXPECT_EQ(Reason(Append("p", 2, 10, 9).status()), "SEQUENCE_REUSED") << "fewer rows of it";
  EXPECT_EQ(*Append("p", 1, 0, 10), CaptureStore::Appended::kDuplicate);
  EXPECT_EQ(*Append("q", 1, 20, 10), CaptureStore::Appended::kStored);
  EXPECT_EQ(captures_->Get(kName)->message.row_count(), 30);
}

TEST_F(CaptureStoreTest, ManyProducersLeaveTheRecordSmall) {
  Create();
  const auto record_bytes = [&] { return captures_->Get(kName)->message.ByteSizeLong(); };
  ASSERT_TRUE(Append("first", 1, 0, 1).ok());
  const size_t before = record_bytes();
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(Append(absl::StrCat("pod-", i), 1, i, 1).ok());
  EXPECT_LE(record_bytes(), before + 4);
  const StoredCapture capture = *captures_->Get(kName);
  EXPECT_EQ(capture.message.producer_count(), 301);
  EXPECT_EQ(captures_->Producers(capture, 100)->size(), 100);
  EXPECT_EQ(captures_->Producers(capture, 1000)->size(), 301);
}

TEST_F(CaptureStoreTest, ThereIsAMostOfProducers) {
  StoredCapture full = NewCapture();
  full.message.set_producer_count(kMaxProducers - 1);
  WriteBatch batch = store_->db().NewBatch();
  ASSERT_TRUE(captures_->Create(full, batch).ok());
  ASSERT_TRUE(store_->db().Write(std::move(batch)).ok());
  ASSERT_TRUE(Append("last", 1, 0, 1).ok());
  EXPECT_EQ(Reason(Append("one more", 1, 0, 1).status()), "TOO_MANY_PRODUCERS");
  EXPECT_TRUE(Append("last", 2, 1, 1).ok()) << "those that are known go on";
}

TEST_F(CaptureStoreTest, ReadsProducersOfAnOldRecord) {
  StoredCapture old = NewCapture();
  v1::Producer* producer = old.message.add_producers();
  producer->set_producer("p");
  producer->set_last_sequence(4);
  producer->set_row_count(0);
  WriteBatch batch = store_->db().NewBatch();
  ASSERT_TRUE(captures_->Create(old, batch).ok());
  ASSERT_TRUE(store_->db().Write(std::move(batch)).ok());
  EXPECT_EQ(captures_->Producers(*captures_->Get(kName), 10)->at(0).last_sequence(), 4);
  EXPECT_EQ(*Append("p", 4, 0, 10), CaptureStore::Appended::kDuplicate) << "taken at its word";
  EXPECT_EQ(Reason(Append("p", 6, 0, 10).status()), "SEQUENCE_GAP");
  EXPECT_EQ(*Append("q", 1, 0, 10), CaptureStore::Appended::kStored);
  EXPECT_EQ(*Append("p", 5, 10, 10), CaptureStore::Appended::kStored);
  const StoredCapture now = *captures_->Get(kName);
  EXPECT_EQ(now.message.producers_size(), 0);
  EXPECT_EQ(now.message.producer_count(), 2);
  EXPECT_EQ(ProducerOf("p").last_sequence(), 5);
}

TEST_F(CaptureStoreTest, DeletesProducersWithTheCapture) {
  Create();
  ASSERT_TRUE(Append("p", 1, 0, 10).ok());
  WriteBatch batch = store_->db().NewBatch();
  captures_->Delete(*captures_->Get(kName), batch);
  ASSERT_TRUE(store_->db().Write(std::move(batch)).ok());
  for (const char* family : {kProducerFamily, kBatchFamily}) {
    EXPECT_FALSE(store_->db().Scan(family, "")->Valid()) << family;
  }
}

TEST_F(CaptureStoreTest, RefusesAGapAndKeepsWhatCameBefore) {
  Create();
  ASSERT_TRUE(Append("p", 1, 0, 3).ok());
  const absl::Status gap = Append("p", 3, 3, 3).status();
  EXPECT_EQ(gap.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(gap), "SEQUENCE_GAP");
  EXPECT_EQ(Append("q", 2, 3, 3).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(captures_->Get(kName)->message.row_count(), 3);
  EXPECT_EQ(captures_->Get(kName)->message.producer_count(), 1);
  EXPECT_TRUE(Append("p", 2, 3, 3).ok());
}

TEST_F(CaptureStoreTest, BatchesOfAnySizeReadBackInOrder) {
  Create();
  int64_t rows = 0;
  int64_t sequence = 0;
  for (const int64_t size : {1, 255, 1, 256, 600, 3, 100, 1000, 7}) {
    ASSERT_TRUE(Append("p", ++sequence, rows, size).ok());
    rows += size;
  }
  std::vector<int64_t> expected(rows);
  for (int64_t i = 0; i < rows; ++i) expected[i] = i;
  EXPECT_EQ(ReadAll(std::nullopt, 0, rows, 100), expected);
  EXPECT_EQ(ReadAll(std::nullopt, 0, 700, 1000).back(), 699);

  const std::vector<int64_t> wanted = {0, 2222, 255, 256, 5, 2222};
  const std::vector<float> values = *captures_->ReadRows(*captures_->Get(kName), wanted);
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(values[i * kDim + 3], static_cast<float>(wanted[i]));
  }
}

TEST_F(CaptureStoreTest, KeepsCasesAndFindsTheLastRowOfAUser) {
  Create();
  std::vector<StoredCase> cases(3);
  cases[0].user_id = "a";
  cases[0].history = {1, 2};
  cases[1].user_id = "b";
  cases[2].user_id = "a";
  cases[2].target = 9;
  ASSERT_TRUE(Append("p", 1, 0, 3, cases).ok());
  cases[0].user_id = cases[1].user_id = cases[2].user_id = "b";
  ASSERT_TRUE(Append("q", 1, 3, 3, cases).ok());
  const StoredCapture capture = *captures_->Get(kName);
  EXPECT_EQ(*captures_->LastRows(capture, {"a", "b", "c"}), (std::vector<int64_t>{2, 5, -1}));
  const std::vector<int64_t> rows = {2, 0};
  const std::vector<StoredCase> read = *captures_->ReadCases(capture, rows);
  EXPECT_EQ(read[0].target, 9);
  EXPECT_EQ(read[1].history, (std::vector<int32_t>{1, 2}));
}

TEST_F(CaptureStoreTest, ShuffledReadIsAPermutationAndResumesAtEveryKindOfPlace) {
  Create();
  constexpr int64_t kRows = 70'000;  // two windows of 256 blocks, the last block short
  ASSERT_TRUE(Append("p", 1, 0, 40'000).ok());
  ASSERT_TRUE(Append("p", 2, 40'000, kRows - 40'000).ok());
  const Shuffle shuffle{11, 2};
  const std::vector<int64_t> all = ReadAll(shuffle, 0, kRows, 4096);
  std::vector<int64_t> sorted = all;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < kRows; ++i) ASSERT_EQ(sorted[i], i);

  const RowOrder order(kRows, kDim, shuffle);
  ASSERT_EQ(order.windows(), 2);
  const int64_t edge = order.WindowStart(1);
  for (const int64_t start :
       {int64_t{1}, int64_t{4095}, int64_t{4096}, edge - 1, edge, edge + 1, kRows - 1, kRows}) {
    const std::vector<int64_t> tail = ReadAll(shuffle, start, kRows, 1000);
    EXPECT_EQ(tail, std::vector<int64_t>(all.begin() + start, all.end())) << start;
  }
}

TEST_F(CaptureStoreTest, GrowthDoesNotDisturbAReaderWithARowLimit) {
  Create();
  ASSERT_TRUE(Append("p", 1, 0, 1000).ok());
  const std::vector<int64_t> before = ReadAll(Shuffle{1, 1}, 0, 1000, 300);
  const std::vector<int64_t> less = ReadAll(Shuffle{1, 1}, 0, 777, 300);
  ASSERT_TRUE(Append("p", 2, 1000, 5000).ok());
  EXPECT_EQ(ReadAll(Shuffle{1, 1}, 0, 1000, 300), before);
  EXPECT_EQ(ReadAll(Shuffle{1, 1}, 0, 777, 300), less);
}

TEST_F(CaptureStoreTest, ConcurrentProducersLoseAndMixNothing) {
  Create();
  constexpr int kProducers = 4;
  constexpr int kBatches = 25;
  constexpr int kBatchRows = 37;
  std::vector<std::thread> threads;
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([this, p] {
      for (int batch = 1; batch <= kBatches; ++batch) {
        const int64_t first = (p * kBatches + batch - 1) * kBatchRows;
        EXPECT_TRUE(Append(absl::StrCat("p", p), batch, first, kBatchRows).ok());
        EXPECT_TRUE(Append(absl::StrCat("p", p), batch, first, kBatchRows).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const StoredCapture capture = *captures_->Get(kName);
  constexpr int64_t kRows = kProducers * kBatches * kBatchRows;
  ASSERT_EQ(capture.message.row_count(), kRows);
  CaptureReader reader(*captures_, capture, kRows, std::nullopt, 0, true);
  std::vector<int64_t> rows;
  std::vector<float> values(kRows * kDim);
  ASSERT_TRUE(reader.Read(kRows, &rows, reinterpret_cast<char*>(values.data())).ok());
  std::vector<int64_t> seen;
  for (int64_t i = 0; i < kRows; ++i) {
    seen.push_back(static_cast<int64_t>(values[i * kDim]));
    // Within a batch rows keep their order.
    if (i > 0 && seen[i] % kBatchRows != 0) {
      EXPECT_EQ(seen[i], seen[i - 1] + 1);
    }
  }
  std::sort(seen.begin(), seen.end());
  for (int64_t i = 0; i < kRows; ++i) EXPECT_EQ(seen[i], i);
}

TEST_F(CaptureStoreTest, WhatWasAcknowledgedSurvivesAKill) {
  Create();
  captures_.reset();
  store_.reset();
  int acknowledged[2];
  ASSERT_EQ(pipe(acknowledged), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Reopen();
    for (int64_t batch = 1;; ++batch) {
      if (!Append("p", batch, (batch - 1) * 10, 10).ok()) _exit(1);
      if (write(acknowledged[1], &batch, sizeof(batch)) != sizeof(batch)) _exit(2);
    }
  }
  int64_t last = 0;
  while (last < 20) ASSERT_EQ(read(acknowledged[0], &last, sizeof(last)), sizeof(last));
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  close(acknowledged[1]);
  for (int64_t batch = 0; read(acknowledged[0], &batch, sizeof(batch)) == sizeof(batch);) {
    last = batch;
  }
  close(acknowledged[0]);

  Reopen();
  const StoredCapture capture = *captures_->Get(kName);
  const int64_t stored = ProducerOf("p").last_sequence();
  EXPECT_GE(stored, last);
  ASSERT_EQ(capture.message.row_count(), stored * 10);
  const std::vector<int64_t> rows = ReadAll(std::nullopt, 0, stored * 10, 64);
  for (int64_t i = 0; i < stored * 10; ++i) ASSERT_EQ(rows[i], i);
  EXPECT_EQ(*Append("p", stored, (stored - 1) * 10, 10), CaptureStore::Appended::kDuplicate);
  EXPECT_EQ(*Append("p", stored + 1, 0, 10), CaptureStore::Appended::kStored);
}

TEST_F(CaptureStoreTest, AWriterThatWasNotFinishedLeavesNothing) {
  const std::vector<float> values = Values(0, 1000);
  uint64_t uid = 0;
  {
    std::unique_ptr<CaptureWriter> writer = *CaptureWriter::Begin(*store_);
    ASSERT_TRUE(writer->Add(View(values), {}).ok());
    uid = writer->staging().uid();
    EXPECT_EQ(Reason(captures_->Get(kName).status()), "CAPTURE_NOT_FOUND");
  }
  EXPECT_FALSE(store_->db().Scan(kActivationFamily, "")->Valid());
  // Not destroyed before the store is opened again, as after a kill.
  std::unique_ptr<CaptureWriter> killed = *CaptureWriter::Begin(*store_);
  ASSERT_TRUE(killed->Add(View(values), {}).ok());
  EXPECT_NE(killed->staging().uid(), uid);
  EXPECT_TRUE(store_->db().Scan(kActivationFamily, "")->Valid());
  killed->Done();
  Reopen();
  EXPECT_FALSE(store_->db().Scan(kActivationFamily, "")->Valid());
}

TEST_F(CaptureStoreTest, AFinishedWriterMakesTheCaptureWhichTakesNoBatches) {
  const std::vector<float> values = Values(0, 1000);
  std::unique_ptr<CaptureWriter> writer = *CaptureWriter::Begin(*store_);
  ASSERT_TRUE(writer->Add(View(values), {}).ok());
  StoredCapture capture = NewCapture(writer->rows());
  capture.uid = writer->staging().uid();
  capture.origin = "jobs/1";
  WriteBatch batch = store_->db().NewBatch();
  ASSERT_TRUE(captures_->Create(capture, batch).ok());
  writer->staging().Keep(batch);
  ASSERT_TRUE(store_->db().Write(std::move(batch)).ok());
  writer->Done();
  writer.reset();
  Reopen();
  EXPECT_EQ(ReadAll(std::nullopt, 0, 1000, 333).size(), 1000U);
  EXPECT_EQ(Reason(Append("p", 1, 0, 1).status()), "CAPTURE_NOT_RECORDED");
}

TEST_F(CaptureStoreTest, ADeletedCaptureMadeAnewIsEmpty) {
  Create();
  std::vector<StoredCase> cases(3);
  cases[0].user_id = cases[1].user_id = cases[2].user_id = "u";
  ASSERT_TRUE(Append("p", 1, 0, 3, cases).ok());
  const StoredCapture old = *captures_->Get(kName);
  WriteBatch batch = store_->db().NewBatch();
  captures_->Delete(old, batch);
  ASSERT_TRUE(store_->db().Write(std::move(batch)).ok());
  EXPECT_EQ(Reason(captures_->Get(kName).status()), "CAPTURE_NOT_FOUND");

  // A reader of the deleted one learns what happened.
  CaptureReader reader(*captures_, old, 3, std::nullopt, 0, true);
  std::vector<int64_t> rows;
  std::vector<float> values(3 * kDim);
  EXPECT_EQ(Reason(reader.Read(3, &rows, reinterpret_cast<char*>(values.data()))),
            "CAPTURE_NOT_FOUND");
  Create();
  EXPECT_EQ(Reason(reader.Read(3, &rows, reinterpret_cast<char*>(values.data()))),
            "CAPTURE_NOT_FOUND");
  const StoredCapture anew = *captures_->Get(kName);
  EXPECT_EQ(anew.message.row_count(), 0);
  EXPECT_EQ(*captures_->LastRows(anew, {"u"}), std::vector<int64_t>{-1});
}

}  // namespace
}  // namespace recsae::probe
