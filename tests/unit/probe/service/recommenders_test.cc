#include <gmock/gmock.h>

#include <limits>

#include "tests/unit/probe/service/fixture.h"

namespace recsae::probe {
namespace {

constexpr int kDim = 4;
constexpr int kItems = 10;

class RecommendersTest : public ProbeServerTest {
 protected:
  // The rows of these items: item i has (i, i, i, i) and bias -i.
  static v1::UploadPredictionHeadRequest::Batch Rows(const std::vector<int>& items,
                                                     bool biases = false) {
    v1::UploadPredictionHeadRequest::Batch message;
    std::vector<float> values;
    std::vector<float> bias;
    for (const int item : items) {
      message.add_item_ids(absl::StrCat("i", item));
      values.insert(values.end(), kDim, static_cast<float>(item));
      bias.push_back(static_cast<float>(-item));
    }
    *message.mutable_vectors() = Matrix(values, kDim);
    if (biases) WriteVector(bias, message.mutable_biases());
    return message;
  }

  absl::Status Upload(const std::vector<v1::UploadPredictionHeadRequest::Batch>& batches) {
    std::vector<v1::UploadPredictionHeadRequest> messages(1);
    messages[0].mutable_header()->set_recommender("recommenders/r");
    for (const auto& batch : batches) *messages.emplace_back().mutable_batch() = batch;
    v1::Recommender recommender;
    return Send(&Stub::UploadPredictionHead, messages, &recommender);
  }

  bool HasHead() {
    v1::GetRecommenderRequest request;
    request.set_name("recommenders/r");
    v1::Recommender recommender;
    EXPECT_TRUE(Run(&Stub::GetRecommender, request, &recommender).ok());
    return recommender.has_prediction_head();
  }

  absl::StatusOr<std::vector<v1::ReadPredictionHeadResponse>> ReadHead() {
    v1::ReadPredictionHeadRequest request;
    request.set_recommender("recommenders/r");
    return Receive<v1::ReadPredictionHeadResponse>(&Stub::ReadPredictionHead, request);
  }
};

TEST_F(RecommendersTest, AHeadInAnyOrderIsReadInCatalogueOrder) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  EXPECT_EQ(Reason(ReadHead().status()), "NO_PREDICTION_HEAD");
  ASSERT_TRUE(Upload({Rows({7, 3, 9, 0}, true), Rows({1, 2, 4, 5, 6, 8})}).ok());
  EXPECT_TRUE(HasHead());
  Stop();
  Start();
  const auto messages = *ReadHead();
  ASSERT_EQ(messages.size(), 1U);
  const std::vector<float> vectors = Floats(messages[0].vectors());
  const std::vector<float> biases = Floats(messages[0].biases());
  for (int i = 0; i < kItems; ++i) {
    EXPECT_EQ(messages[0].item_ids(i), absl::StrCat("i", i));
    EXPECT_EQ(vectors[i * kDim + kDim - 1], static_cast<float>(i));
    const bool biased = i == 7 || i == 3 || i == 9;
    EXPECT_EQ(biases[i], biased ? static_cast<float>(-i) : 0.0F);
  }
  // The same again is fine; another is not.
  EXPECT_TRUE(Upload({Rows({7, 3, 9, 0}, true), Rows({1, 2, 4, 5, 6, 8})}).ok());
  EXPECT_EQ(Reason(Upload({Rows({0, 1, 2, 3, 4, 5, 6, 7, 8, 9})})), "HEAD_EXISTS");
  EXPECT_EQ(Floats((*ReadHead())[0].biases()), biases);
}

TEST_F(RecommendersTest, AHeadKnowsTheItemsThatItWithholds) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  v1::UploadPredictionHeadRequest::Batch first = Rows({7, 3, 9, 0}, true),
                                         rest = Rows({1, 2, 4, 5, 6, 8});
  rest.add_withheld_item_ids("i3");
  EXPECT_EQ(Reason(Upload({first, rest})), "WITHHELD_UNKNOWN");
  rest.clear_withheld_item_ids();
  for (const char* id : {"i6", "i2"}) rest.add_withheld_item_ids(id);
  first.add_withheld_item_ids("i9");
  ASSERT_TRUE(Upload({first, rest}).ok());
  const v1::ReadPredictionHeadResponse head = (*ReadHead())[0];
  EXPECT_THAT(head.withheld_item_ids(), testing::ElementsAre("i2", "i6", "i9"));
  EXPECT_EQ(Floats(head.vectors())[6 * kDim + kDim - 1], 6.0F);
  EXPECT_EQ(Floats(head.biases())[9], -9.0F);
  EXPECT_EQ(Floats(head.biases())[6], 0.0F);
  // Another choice is another head.
  first.clear_withheld_item_ids();
  EXPECT_EQ(Reason(Upload({first, rest})), "HEAD_EXISTS");

  // A row that is recorded is not shown them.
  MakeCapture(true);
  std::vector<v1::RecordActivationsRequest> record(2);
  record[0].mutable_header()->set_capture("recommenders/r/captures/p");
  record[0].mutable_header()->set_producer("p");
  auto* batch = record[1].mutable_batch();
  batch->set_sequence(1);
  *batch->mutable_activations() = Matrix(std::vector<float>(kDim, 1.0F), kDim);
  batch->add_cases()->set_user_id("u");
  v1::RecordActivationsResponse recorded;
  ASSERT_TRUE(Send(&Stub::RecordActivations, record, &recorded).ok());
  v1::BatchGetCasesRequest get;
  get.set_capture("recommenders/r/captures/p");
  get.add_rows(0);
  v1::BatchGetCasesResponse found;
  ASSERT_TRUE(Run(&Stub::BatchGetCases, get, &found).ok());
  EXPECT_EQ(found.cases(0).ranked_items_size(), kItems - 3);
  for (const v1::RankedItem& item : found.cases(0).ranked_items()) {
    EXPECT_THAT(item.item_id(), testing::Not(testing::AnyOf("i2", "i6", "i9")));
  }
}

TEST_F(RecommendersTest, AHeadIsStoredAsAWholeOrNotAtAll) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  EXPECT_EQ(Reason(Upload({Rows({0, 1, 2, 3, 4, 5, 6, 7, 8})})), "HEAD_INCOMPLETE");
  EXPECT_EQ(Reason(Upload({Rows({0, 1, 2, 3, 4}), Rows({4, 5, 6, 7, 8, 9})})),
            "HEAD_ITEM_REPEATED");
  EXPECT_EQ(Reason(Upload({Rows({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})})), "ITEM_NOT_FOUND");
  v1::UploadPredictionHeadRequest::Batch bad = Rows({0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  bad.mutable_vectors()->mutable_data()->resize(8);
  EXPECT_EQ(Reason(Upload({bad})), "TENSOR_SIZE_MISMATCH");
  std::vector<float> values(kItems * kDim, 1.0F);
  values[17] = std::numeric_limits<float>::quiet_NaN();
  *bad.mutable_vectors() = Matrix(values, kDim);
  EXPECT_EQ(Reason(Upload({bad})), "TENSOR_NOT_FINITE");
  values[17] = 1;
  *bad.mutable_vectors() = Matrix(values, kDim * 2);
  EXPECT_EQ(Reason(Upload({bad})), "TENSOR_SHAPE_MISMATCH");
  EXPECT_EQ(Reason(Upload({})), "HEAD_INCOMPLETE");
  EXPECT_FALSE(HasHead());
  EXPECT_TRUE(Upload({Rows({0, 1, 2, 3, 4, 5, 6, 7, 8, 9})}).ok());
  EXPECT_FALSE((*ReadHead())[0].has_biases());
}

TEST_F(RecommendersTest, EveryViolationIsListed) {
  v1::CreateRecommenderRequest request;
  request.set_recommender_id("No!");
  request.set_catalog("movies");
  request.set_activation_dim(65'537);
  v1::Recommender recommender;
  const absl::Status status = Run(&Stub::CreateRecommender, request, &recommender);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const char* field : {"recommender_id", "catalog", "activation_dim"}) {
    EXPECT_NE(status.message().find(field), absl::string_view::npos) << status;
  }
  request.set_recommender_id("r");
  request.set_catalog("catalogs/none");
  request.set_activation_dim(1);
  EXPECT_EQ(Reason(Run(&Stub::CreateRecommender, request, &recommender)), "CATALOG_NOT_FOUND");
}

TEST_F(RecommendersTest, DeletionIsRefusedWhileThereAreCapturesUnlessForced) {
  MakeCatalog(1);
  MakeRecommender(kDim);
  MakeCapture(false);
  v1::DeleteRecommenderRequest request;
  request.set_name("recommenders/r");
  google::protobuf::Empty empty;
  EXPECT_EQ(Reason(Run(&Stub::DeleteRecommender, request, &empty)), "RECOMMENDER_IN_USE");
  request.set_force(true);
  ASSERT_TRUE(Run(&Stub::DeleteRecommender, request, &empty).ok());
  v1::GetCaptureRequest get;
  get.set_name("recommenders/r/captures/p");
  v1::Capture capture;
  EXPECT_EQ(Reason(Run(&Stub::GetCapture, get, &capture)), "CAPTURE_NOT_FOUND");
  EXPECT_EQ(Reason(Run(&Stub::DeleteRecommender, request, &empty)), "RECOMMENDER_NOT_FOUND");
}

TEST_F(RecommendersTest, AnExternalRecommenderCannotBeRun) {
  MakeCatalog(1);
  MakeRecommender(kDim);
  v1::ComputeActivationsRequest compute;
  compute.set_recommender("recommenders/r");
  compute.add_queries();
  v1::ComputeActivationsResponse activations;
  EXPECT_EQ(Reason(Run(&Stub::ComputeActivations, compute, &activations)),
            "RECOMMENDER_NOT_HOSTED");
  v1::CaptureActivationsRequest capture;
  capture.set_parent("recommenders/r");
  capture.set_capture_id("p");
  capture.set_split(v1::SPLIT_TEST);
  jobs::v1::Job job;
  EXPECT_EQ(Reason(Run(&Stub::CaptureActivations, capture, &job)), "RECOMMENDER_NOT_HOSTED");
}

// A stream of `Request` begins with one message that holds the header, and no other does.
template <typename Request, typename Response, typename Call, typename Try>
void ExpectHeaderFirst(Call call, const Request& header, const Request& part, const Try& send) {
  Response response;
  const std::vector<std::vector<Request>> streams = {
      {}, {part}, {Request()}, {header, header}, {header, part, Request()}};
  for (const std::vector<Request>& messages : streams) {
    EXPECT_EQ(Reason(send(call, messages, &response)), "STREAM_ORDER_INVALID") << messages.size();
  }
}

TEST_F(RecommendersTest, EveryStreamBeginsWithOneHeader) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  MakeCapture(false);
  const auto send = [this](auto call, const auto& messages, auto* response) {
    return Send(call, messages, response);
  };
  {
    v1::UploadItemsRequest header, part;
    header.mutable_header()->set_catalog("catalogs/c");
    part.mutable_batch();
    ExpectHeaderFirst<v1::UploadItemsRequest, v1::UploadItemsResponse>(&Stub::UploadItems, header,
                                                                       part, send);
  }
  {
    v1::UploadPredictionHeadRequest header, part;
    header.mutable_header()->set_recommender("recommenders/r");
    *part.mutable_batch() = Rows({1});
    ExpectHeaderFirst<v1::UploadPredictionHeadRequest, v1::Recommender>(&Stub::UploadPredictionHead,
                                                                        header, part, send);
  }
  {
    v1::ImportRecommenderRequest header, part;
    header.mutable_header()->set_recommender_id("made");
    header.mutable_header()->set_catalog("catalogs/c");
    part.set_module("bytes");
    ExpectHeaderFirst<v1::ImportRecommenderRequest, v1::Recommender>(&Stub::ImportRecommender,
                                                                     header, part, send);
  }
  {
    v1::RecordActivationsRequest header, part;
    header.mutable_header()->set_capture("recommenders/r/captures/p");
    header.mutable_header()->set_producer("a");
    part.mutable_batch()->set_sequence(1);
    *part.mutable_batch()->mutable_activations() = Matrix(std::vector<float>(kDim), kDim);
    ExpectHeaderFirst<v1::RecordActivationsRequest, v1::RecordActivationsResponse>(
        &Stub::RecordActivations, header, part, send);
  }
}

}  // namespace
}  // namespace recsae::probe
