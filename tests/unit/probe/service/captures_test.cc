#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <set>

#include "tests/unit/probe/service/fixture.h"

namespace recsae::probe {
namespace {

constexpr int kDim = 4;
constexpr int kItems = 20;
constexpr char kCapture[] = "recommenders/r/captures/p";

class CapturesTest : public ProbeServerTest {
 protected:
  // Rows first, first + 1, ...: row i is (i, i, i, i).
  static v1::RecordActivationsRequest::Batch Batch(int64_t sequence, int first, int rows) {
    v1::RecordActivationsRequest::Batch message;
    message.set_sequence(sequence);
    std::vector<float> values;
    for (int i = first; i < first + rows; ++i) {
      values.insert(values.end(), kDim, static_cast<float>(i));
    }
    *message.mutable_activations() = Matrix(values, kDim);
    return message;
  }

  absl::StatusOr<v1::RecordActivationsResponse> Record(
      const std::vector<v1::RecordActivationsRequest::Batch>& batches,
      const std::string& producer = "a", const std::string& capture = kCapture) {
    std::vector<v1::RecordActivationsRequest> messages(1);
    messages[0].mutable_header()->set_capture(capture);
    messages[0].mutable_header()->set_producer(producer);
    for (const auto& batch : batches) *messages.emplace_back().mutable_batch() = batch;
    v1::RecordActivationsResponse response;
    RECSAE_RETURN_IF_ERROR(Send(&Stub::RecordActivations, messages, &response));
    return response;
  }

  absl::StatusOr<std::vector<v1::ActivationBatch>> Read(const v1::ReadActivationsRequest& request) {
    return Receive<v1::ActivationBatch>(&Stub::ReadActivations, request);
  }

  static v1::ReadActivationsRequest ReadRequest(int64_t start = 0, int batch_rows = 0) {
    v1::ReadActivationsRequest request;
    request.set_capture(kCapture);
    request.set_start_row(start);
    request.set_batch_rows(batch_rows);
    return request;
  }

  // The first value of each row, in the order read.
  std::vector<int> Numbers(const v1::ReadActivationsRequest& request) {
    const auto batches = Read(request);
    EXPECT_TRUE(batches.ok()) << batches.status();
    std::vector<int> numbers;
    for (const v1::ActivationBatch& batch : *batches) {
      EXPECT_EQ(batch.start_row(), request.start_row() + static_cast<int64_t>(numbers.size()));
      const std::vector<float> values = Floats(batch.activations());
      for (size_t i = 0; i < values.size(); i += kDim) {
        numbers.push_back(static_cast<int>(values[i]));
      }
    }
    return numbers;
  }

  int64_t StoredRows() {
    v1::GetCaptureRequest request;
    request.set_name(kCapture);
    v1::Capture capture;
    EXPECT_TRUE(Run(&Stub::GetCapture, request, &capture).ok());
    return capture.row_count();
  }

  void UploadHead() {
    // Item i scores i for (1, 0, 0, 0).
    std::vector<v1::UploadPredictionHeadRequest> messages(2);
    messages[0].mutable_header()->set_recommender("recommenders/r");
    v1::UploadPredictionHeadRequest::Batch& batch = *messages[1].mutable_batch();
    std::vector<float> values(kItems * kDim);
    for (int i = 0; i < kItems; ++i) {
      batch.add_item_ids(absl::StrCat("i", i));
      values[i * kDim] = static_cast<float>(i);
    }
    *batch.mutable_vectors() = Matrix(values, kDim);
    v1::Recommender recommender;
    ASSERT_TRUE(Send(&Stub::UploadPredictionHead, messages, &recommender).ok());
  }
};

TEST_F(CapturesTest, ABrokenRecorderMaySendEverythingAgain) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  MakeCapture(false);
  const v1::RecordActivationsResponse first = *Record({Batch(1, 0, 3), Batch(2, 3, 2)});
  EXPECT_EQ(first.stored_row_count(), 5);
  EXPECT_EQ(first.capture().producers(0).last_sequence(), 2);
  const v1::RecordActivationsResponse again =
      *Record({Batch(1, 0, 3), Batch(2, 3, 2), Batch(3, 5, 4)});
  EXPECT_EQ(again.stored_row_count(), 4);
  EXPECT_EQ(again.duplicate_row_count(), 5);
  EXPECT_EQ(again.capture().row_count(), 9);
  EXPECT_EQ(Numbers(ReadRequest(0, 2)), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8}));

  const absl::Status gap = Record({Batch(4, 9, 1), Batch(6, 10, 1)}).status();
  EXPECT_EQ(Reason(gap), "SEQUENCE_GAP");
  EXPECT_EQ(StoredRows(), 10);
}

TEST_F(CapturesTest, AProducerThatStartsAgainWithOtherRowsIsRefused) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  MakeCapture(false);
  ASSERT_TRUE(Record({Batch(1, 0, 3), Batch(2, 3, 2)}).ok());
  const absl::Status reused = Record({Batch(1, 5, 3)}).status();
  EXPECT_EQ(reused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Reason(reused), "SEQUENCE_REUSED");
  EXPECT_EQ(StoredRows(), 5);
  const v1::RecordActivationsResponse stored = *Record({Batch(1, 5, 3)}, "another");
  EXPECT_EQ(stored.stored_row_count(), 3);
  EXPECT_EQ(stored.capture().producer_count(), 2);
  ASSERT_EQ(stored.capture().producers_size(), 1) << "who recorded";
  EXPECT_EQ(stored.capture().producers(0).producer(), "another");

  v1::GetCaptureRequest get;
  get.set_name(kCapture);
  v1::Capture capture;
  ASSERT_TRUE(Run(&Stub::GetCapture, get, &capture).ok());
  EXPECT_EQ(capture.producers_size(), 2);
  v1::ListCapturesRequest list;
  list.set_parent("recommenders/r");
  v1::ListCapturesResponse listed;
  ASSERT_TRUE(Run(&Stub::ListCaptures, list, &listed).ok());
  EXPECT_EQ(listed.captures(0).producers_size(), 0);
  EXPECT_EQ(listed.captures(0).producer_count(), 2);
}

TEST_F(CapturesTest, ManySmallRowsWithCasesArriveWhole) {
  constexpr int kRows = 5000;  // of one value each: all of them would fit one message
  MakeCatalog(kItems);
  MakeRecommender(1);
  MakeCapture(true);
  v1::RecordActivationsRequest::Batch batch;
  batch.set_sequence(1);
  std::vector<float> values;
  for (int i = 0; i < kRows; ++i) {
    values.push_back(static_cast<float>(i));
    batch.add_cases()->set_user_id(absl::StrCat("u", i));
  }
  *batch.mutable_activations() = Matrix(values, 1);
  ASSERT_TRUE(Record({batch}).ok());
  v1::ReadActivationsRequest request = ReadRequest(0, 0);
  request.mutable_read_mask()->add_paths("activations");
  request.mutable_read_mask()->add_paths("cases");
  const auto messages = Receive<v1::ActivationBatch>(&Stub::ReadActivations, request);
  ASSERT_TRUE(messages.ok()) << messages.status();
  int next = 0;
  for (const v1::ActivationBatch& message : *messages) {
    EXPECT_EQ(message.start_row(), next);
    const std::vector<float> floats = Floats(message.activations());
    ASSERT_EQ(floats.size(), message.cases_size());
    for (int i = 0; i < message.cases_size(); ++i, ++next) {
      EXPECT_EQ(floats[i], static_cast<float>(next));
      EXPECT_EQ(message.cases(i).user_id(), absl::StrCat("u", next));
    }
  }
  EXPECT_EQ(next, kRows);
}

TEST_F(CapturesTest, BadBatchesAreRefusedAndWhatCameBeforeStays) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  MakeCapture(false);
  v1::RecordActivationsRequest::Batch bad = Batch(2, 3, 2);
  std::vector<float> values(2 * kDim, 0.0F);
  values[5] = std::numeric_limits<float>::infinity();
  *bad.mutable_activations() = Matrix(values, kDim);
  EXPECT_EQ(Reason(Record({Batch(1, 0, 3), bad}).status()), "TENSOR_NOT_FINITE");
  EXPECT_EQ(StoredRows(), 3);
  values[5] = 0;
  *bad.mutable_activations() = Matrix(values, kDim / 2);
  EXPECT_EQ(Reason(Record({bad}).status()), "TENSOR_SHAPE_MISMATCH");
  *bad.mutable_activations() = Matrix({}, kDim);
  EXPECT_EQ(Record({bad}).status().code(), absl::StatusCode::kInvalidArgument);
  bad = Batch(2, 3, 2);
  bad.add_cases();
  EXPECT_EQ(Record({bad}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Record({Batch(0, 3, 2)}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Record({Batch(2, 3, 2)}, "").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(Record({Batch(2, 3, 2)}, "a", "recommenders/r/captures/none").status()),
            "CAPTURE_NOT_FOUND");
  EXPECT_EQ(StoredRows(), 3);
}

TEST_F(CapturesTest, ShuffledReadsResumeAndDoNotSeeGrowth) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  MakeCapture(false);
  ASSERT_TRUE(Record({Batch(1, 0, 3000), Batch(2, 3000, 2000)}).ok());
  v1::ReadActivationsRequest request = ReadRequest(0, 700);
  request.mutable_shuffle()->set_seed(3);
  request.mutable_shuffle()->set_epoch(1);
  const std::vector<int> all = Numbers(request);
  EXPECT_EQ(std::set<int>(all.begin(), all.end()).size(), 5000U);
  EXPECT_FALSE(std::is_sorted(all.begin(), all.end()));
  ASSERT_TRUE(Record({Batch(3, 5000, 100)}).ok());
  request.set_start_row(1234);
  request.set_row_limit(5000);
  EXPECT_EQ(Numbers(request), std::vector<int>(all.begin() + 1234, all.end()));
  request.mutable_shuffle()->set_epoch(2);
  EXPECT_NE(Numbers(request), std::vector<int>(all.begin() + 1234, all.end()));

  request.set_row_limit(5101);
  EXPECT_EQ(Read(request).status().code(), absl::StatusCode::kOutOfRange);
  request = ReadRequest(5101);
  EXPECT_EQ(Read(request).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(Numbers(ReadRequest(5100)).empty());
  EXPECT_EQ(Read(ReadRequest(-1)).status().code(), absl::StatusCode::kInvalidArgument);
  request = ReadRequest();
  request.mutable_read_mask()->add_paths("scores");
  EXPECT_EQ(Read(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CapturesTest, AnEmptyCaptureReadsAsNothing) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  MakeCapture(false);
  EXPECT_TRUE(Read(ReadRequest())->empty());
}

TEST_F(CapturesTest, CasesComeBackWithRankedItemsOfTheHead) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  MakeCapture(true);
  v1::RecordActivationsRequest::Batch batch = Batch(1, 1, 2);
  v1::Case* first = batch.add_cases();
  first->set_user_id("u");
  first->add_history_item_ids("i19");
  first->add_history_item_ids("i3");
  first->add_excluded_item_ids("i17");
  first->set_target_item_id("i5");
  v1::Case* second = batch.add_cases();
  second->set_user_id("v");
  second->add_ranked_items()->set_item_id("i2");
  ASSERT_TRUE(Record({batch}).ok());

  v1::BatchGetCasesRequest get;
  get.set_capture(kCapture);
  get.add_rows(1);
  get.add_user_ids("u");
  v1::BatchGetCasesResponse cases;
  ASSERT_TRUE(Run(&Stub::BatchGetCases, get, &cases).ok());
  ASSERT_EQ(cases.cases_size(), 2);
  EXPECT_EQ(cases.cases(0).ranked_items(0).item_id(), "i2");
  EXPECT_EQ(cases.cases(1).ranked_items_size(), 0);  // no head yet
  EXPECT_EQ(Floats(cases.activations()), (std::vector<float>{2, 2, 2, 2, 1, 1, 1, 1}));

  UploadHead();
  ASSERT_TRUE(Run(&Stub::BatchGetCases, get, &cases).ok());
  const v1::Case& one = cases.cases(1);
  EXPECT_EQ(one.row(), 0);
  EXPECT_EQ(one.target_item_id(), "i5");
  EXPECT_EQ(one.excluded_item_ids(0), "i17");
  ASSERT_EQ(one.ranked_items_size(), 10);
  EXPECT_EQ(one.ranked_items(0).item_id(), "i18");  // i19 is in the history
  EXPECT_EQ(one.ranked_items(0).score(), 18);
  EXPECT_EQ(one.ranked_items(1).item_id(), "i16");  // i17 is excluded

  v1::ReadActivationsRequest request = ReadRequest();
  request.mutable_read_mask()->add_paths("cases");
  const auto batches = *Read(request);
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_FALSE(batches[0].has_activations());
  EXPECT_EQ(batches[0].cases(0).SerializeAsString(), one.SerializeAsString());

  get.add_user_ids("w");
  EXPECT_EQ(Reason(Run(&Stub::BatchGetCases, get, &cases)), "CASE_NOT_FOUND");
  get.mutable_user_ids()->RemoveLast();
  get.add_rows(2);
  EXPECT_EQ(Reason(Run(&Stub::BatchGetCases, get, &cases)), "CASE_NOT_FOUND");
}

TEST_F(CapturesTest, CasesWithUnknownItemsAreRefused) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  MakeCapture(true);
  v1::RecordActivationsRequest::Batch batch = Batch(1, 0, 1);
  v1::Case* one = batch.add_cases();
  one->add_history_item_ids("i1");
  one->add_history_item_ids("nowhere");
  one->set_target_item_id("elsewhere");
  const absl::Status status = Record({batch}).status();
  EXPECT_EQ(Reason(status), "ITEM_NOT_FOUND");
  EXPECT_NE(status.message().find("batch.cases[0].target_item_id"), absl::string_view::npos);
  EXPECT_EQ(StoredRows(), 0);
  // Of the past what is known is taken, and the rest named.
  one->clear_target_item_id();
  one->add_excluded_item_ids("nowhere");
  one->add_excluded_item_ids("gone");
  const v1::RecordActivationsResponse taken = *Record({batch});
  EXPECT_EQ(taken.stored_row_count(), 1);
  EXPECT_EQ(taken.skipped_item_count(), 3);
  EXPECT_THAT(taken.unknown_item_ids(), ::testing::ElementsAre("gone", "nowhere"));
  // And a batch without cases.
  batch.clear_cases();
  EXPECT_EQ(Record({batch}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CapturesTest, LongCasesAreSplitIntoMessagesBelowTheLimit) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  MakeCapture(true);
  std::vector<v1::RecordActivationsRequest::Batch> batches;
  for (int b = 0; b < 8; ++b) {
    batches.push_back(Batch(b + 1, b * 4, 4));
    for (int i = 0; i < 4; ++i) {
      v1::Case* one = batches.back().add_cases();
      for (int k = 0; k < 50'000; ++k) one->add_history_item_ids("i1");
    }
  }
  ASSERT_EQ(Record(batches)->stored_row_count(), 32);
  v1::ReadActivationsRequest request = ReadRequest(0, 32);
  request.mutable_read_mask()->add_paths("cases");
  request.mutable_read_mask()->add_paths("activations");
  const auto messages = *Read(request);
  EXPECT_GT(messages.size(), 1U);
  int64_t rows = 0;
  for (const v1::ActivationBatch& message : messages) {
    EXPECT_LT(message.ByteSizeLong(), 4U << 20);
    EXPECT_EQ(message.start_row(), rows);
    EXPECT_EQ(message.activations().shape(0), message.cases_size());
    EXPECT_EQ(Floats(message.activations())[0], static_cast<float>(rows));
    rows += message.cases_size();
  }
  EXPECT_EQ(rows, 32);
}

TEST_F(CapturesTest, ListsCapturesOfOneOrAllRecommenders) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  MakeCapture(false);
  v1::ListCapturesRequest request;
  v1::ListCapturesResponse response;
  for (const char* parent : {"recommenders/r", "recommenders/-"}) {
    request.set_parent(parent);
    ASSERT_TRUE(Run(&Stub::ListCaptures, request, &response).ok());
    ASSERT_EQ(response.captures_size(), 1);
    EXPECT_EQ(response.captures(0).name(), kCapture);
    EXPECT_EQ(response.captures(0).dim(), kDim);
  }
  request.set_parent("recommenders/none");
  EXPECT_EQ(Reason(Run(&Stub::ListCaptures, request, &response)), "RECOMMENDER_NOT_FOUND");
}

TEST_F(CapturesTest, ACancelledReadStopsTheHandler) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  MakeCapture(false);
  ASSERT_TRUE(Record({Batch(1, 0, 200'000)}).ok());
  grpc::ClientContext context;
  auto reader = probe_->ReadActivations(&context, ReadRequest(0, 16));
  v1::ActivationBatch batch;
  ASSERT_TRUE(reader->Read(&batch));
  context.TryCancel();
  while (reader->Read(&batch)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // TearDown's Shutdown waits for handlers: it would hang if the stream went on.
}

}  // namespace
}  // namespace recsae::probe
