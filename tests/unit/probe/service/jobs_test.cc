#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "services/probe/models/hyper_parameters.h"
#include "tests/unit/probe/service/fixture.h"

namespace recsae::probe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class HostedTest : public ProbeServerTest {
 protected:
  static v1::TrainRecommenderRequest TrainRequest(v1::Recommender::Kind kind, int epochs) {
    v1::TrainRecommenderRequest request;
    request.set_recommender_id("h");
    request.set_kind(kind);
    v1::DatasetRef* dataset = request.mutable_dataset();
    dataset->set_name("planted");
    dataset->mutable_planted()->set_user_count(100);
    dataset->mutable_planted()->set_concept_count(4);
    dataset->mutable_planted()->set_items_per_concept(20);
    dataset->mutable_planted()->set_interactions_per_user(12);
    request.mutable_hyper_parameters()->set_embedding_dim(8);
    request.mutable_hyper_parameters()->set_epoch_count(epochs);
    return request;
  }

  // Makes a data set of interactions alone, and starts the probe anew where it finds it.
  void WriteDataset(const std::string& name, const std::string& interactions) {
    const std::string data = folder_ + "/data";
    std::filesystem::create_directories(data + "/" + name);
    std::ofstream(data + "/" + name + "/interactions.csv") << interactions;
    const char* before = std::getenv("RECSAE_DATA_DIR");
    const std::string kept = before == nullptr ? "" : before;
    setenv("RECSAE_DATA_DIR", data.c_str(), 1);
    Stop();
    Start();
    before == nullptr ? unsetenv("RECSAE_DATA_DIR") : setenv("RECSAE_DATA_DIR", kept.c_str(), 1);
  }

  // Follows the job to its end.
  jobs::v1::Job Watch(const std::string& name) {
    grpc::ClientContext context;
    jobs::v1::WatchJobRequest request;
    request.set_name(name);
    auto reader = jobs_->WatchJob(&context, request);
    jobs::v1::Job job;
    while (reader->Read(&job)) {
    }
    EXPECT_TRUE(reader->Finish().ok());
    return job;
  }

  // What differs, as a second request for the same name is told; "nothing" where nothing does.
  std::string DifferencesTo(const v1::TrainRecommenderRequest& request) {
    jobs::v1::Job job;
    const absl::Status status = Run(&Stub::TrainRecommender, request, &job);
    EXPECT_EQ(Reason(status), "RECOMMENDER_EXISTS") << status;
    for (const auto& [key, value] : Metadata(status)) {
      if (key == "differences") return value;
    }
    return "nothing";
  }

  v1::Recommender Train(v1::Recommender::Kind kind) {
    jobs::v1::Job job;
    const absl::Status status = Run(&Stub::TrainRecommender, TrainRequest(kind, 2), &job);
    EXPECT_TRUE(status.ok()) << status;
    job = Watch(job.name());
    EXPECT_EQ(job.state(), jobs::v1::Job::STATE_SUCCEEDED) << job.DebugString();
    v1::Recommender recommender;
    EXPECT_TRUE(job.result().UnpackTo(&recommender));
    return recommender;
  }

  static v1::CaptureActivationsRequest CaptureRequest(const std::string& id, v1::Split split) {
    v1::CaptureActivationsRequest request;
    request.set_parent("recommenders/h");
    request.set_capture_id(id);
    request.set_split(split);
    request.set_with_cases(true);
    return request;
  }

  v1::Capture Capture(const v1::CaptureActivationsRequest& request) {
    jobs::v1::Job job;
    const absl::Status status = Run(&Stub::CaptureActivations, request, &job);
    EXPECT_TRUE(status.ok()) << status;
    job = Watch(job.name());
    EXPECT_EQ(job.state(), jobs::v1::Job::STATE_SUCCEEDED) << job.DebugString();
    v1::Capture capture;
    EXPECT_TRUE(job.result().UnpackTo(&capture));
    return capture;
  }

  std::vector<v1::ActivationBatch> Read(const std::string& capture) {
    v1::ReadActivationsRequest request;
    request.set_capture(capture);
    request.mutable_read_mask()->add_paths("activations");
    request.mutable_read_mask()->add_paths("cases");
    return *Receive<v1::ActivationBatch>(&Stub::ReadActivations, request);
  }

  // Every case's ranked items are those that the head scores highest, past items left out.
  void ExpectRankedByHead(const std::vector<v1::ActivationBatch>& batches) {
    v1::ReadPredictionHeadRequest request;
    request.set_recommender("recommenders/h");
    const auto head = *Receive<v1::ReadPredictionHeadResponse>(&Stub::ReadPredictionHead, request);
    const std::vector<float> vectors = Floats(head[0].vectors());
    const int items = head[0].item_ids_size();
    const int64_t dim = head[0].vectors().shape(1);
    for (const v1::ActivationBatch& batch : batches) {
      const std::vector<float> activations = Floats(batch.activations());
      for (int row = 0; row < batch.cases_size(); ++row) {
        const v1::Case& one = batch.cases(row);
        std::set<std::string> out(one.history_item_ids().begin(), one.history_item_ids().end());
        out.insert(one.excluded_item_ids().begin(), one.excluded_item_ids().end());
        EXPECT_FALSE(out.count(one.target_item_id()));
        double best = -INFINITY;
        for (int item = 0; item < items; ++item) {
          if (out.count(head[0].item_ids(item))) continue;
          double score = 0;
          for (int64_t d = 0; d < dim; ++d) {
            score += double{activations[row * dim + d]} * vectors[item * dim + d];
          }
          best = std::max(best, score);
        }
        ASSERT_GT(one.ranked_items_size(), 0);
        EXPECT_NEAR(one.ranked_items(0).score(), best, 1e-5 + 1e-4 * std::abs(best));
        for (int i = 0; i < one.ranked_items_size(); ++i) {
          EXPECT_FALSE(out.count(one.ranked_items(i).item_id()));
          EXPECT_LE(one.ranked_items(i).score(), one.ranked_items(std::max(0, i - 1)).score());
        }
      }
    }
  }
};

TEST_F(HostedTest, SameNameIsNotSameThing) {
  for (const auto kind : {v1::Recommender::KIND_BPRMF, v1::Recommender::KIND_SASREC,
                          v1::Recommender::KIND_ECF, v1::Recommender::KIND_LIGHTGCN}) {
    const v1::Recommender made = Train(kind);
    v1::TrainRecommenderRequest request = TrainRequest(kind, 2);
    EXPECT_EQ(DifferencesTo(request), "nothing") << kind;
    request.set_data_fingerprint(made.data_fingerprint());
    EXPECT_EQ(DifferencesTo(request), "nothing") << kind;

    request.mutable_hyper_parameters()->set_epoch_count(60);
    request.mutable_hyper_parameters()->set_learning_rate(0.5);
    EXPECT_THAT(DifferencesTo(request),
                AllOf(HasSubstr("epoch_count is 2, asked for 60"), HasSubstr("learning_rate is "),
                      HasSubstr(", asked for 0.5")));

    request = TrainRequest(kind, 2);
    request.set_data_fingerprint("0123456789abcdef");
    EXPECT_THAT(DifferencesTo(request), HasSubstr("data set \"planted\" has changed since"));
    request.mutable_dataset()->mutable_planted()->set_user_count(101);
    EXPECT_THAT(DifferencesTo(request), HasSubstr("user_count: 101"));

    v1::DeleteRecommenderRequest remove;
    remove.set_name("recommenders/h");
    google::protobuf::Empty nothing;
    ASSERT_TRUE(Run(&Stub::DeleteRecommender, remove, &nothing).ok());
    v1::DeleteCatalogRequest catalog;
    catalog.set_name("catalogs/h");
    ASSERT_TRUE(Run(&Stub::DeleteCatalog, catalog, &nothing).ok());
  }
}

TEST_F(HostedTest, TrainingOnOtherDataThanIsMeantFails) {
  v1::TrainRecommenderRequest request = TrainRequest(v1::Recommender::KIND_BPRMF, 2);
  request.set_data_fingerprint("0123456789abcdef");
  jobs::v1::Job job;
  ASSERT_TRUE(Run(&Stub::TrainRecommender, request, &job).ok());
  job = Watch(job.name());
  EXPECT_EQ(job.state(), jobs::v1::Job::STATE_FAILED);
  EXPECT_EQ(Reason(FromRpcStatus(job.error())), "DATASET_CHANGED");
}

// What a job goes by is in it from the start.
TEST_F(HostedTest, AJobTellsTheDefaultsThatItGoesBy) {
  v1::TrainRecommenderRequest request = TrainRequest(v1::Recommender::KIND_BPRMF, 1);
  jobs::v1::Job job;
  ASSERT_TRUE(Run(&Stub::TrainRecommender, request, &job).ok());
  v1::TrainRecommenderRequest spec;
  v1::TrainRecommenderRequest resolved;
  ASSERT_TRUE(job.spec().UnpackTo(&spec));
  ASSERT_TRUE(job.resolved_spec().UnpackTo(&resolved));
  EXPECT_FALSE(spec.hyper_parameters().has_learning_rate());
  job = Watch(job.name());
  v1::Recommender made;
  ASSERT_TRUE(job.result().UnpackTo(&made)) << job.DebugString();
  EXPECT_EQ(resolved.hyper_parameters().SerializeAsString(),
            made.hyper_parameters().SerializeAsString());

  const v1::CaptureActivationsRequest capture = CaptureRequest("c", v1::SPLIT_TEST);
  ASSERT_TRUE(Run(&Stub::CaptureActivations, capture, &job).ok());
  v1::CaptureActivationsRequest filled_in;
  ASSERT_TRUE(job.resolved_spec().UnpackTo(&filled_in));
  EXPECT_EQ(filled_in.ranked_item_count(), 10);
  EXPECT_EQ(Watch(job.name()).state(), jobs::v1::Job::STATE_SUCCEEDED);
}

// Filled in, a kind's options mean the same as before.
TEST(HyperParametersTest, EveryKindsDefaultsSurviveBeingWrittenOut) {
  for (const v1::Recommender::Kind kind :
       {v1::Recommender::KIND_BPRMF, v1::Recommender::KIND_SASREC, v1::Recommender::KIND_LIGHTGCN,
        v1::Recommender::KIND_TIMIREC, v1::Recommender::KIND_ECF, v1::Recommender::KIND_DISTILLEMB,
        v1::Recommender::KIND_GPT, v1::Recommender::KIND_BERT4REC}) {
    const auto options = ToOptions(kind, {});
    ASSERT_TRUE(options.ok()) << options.status();
    const v1::HyperParameters written = ToMessage(*options);
    const auto again = ToOptions(kind, written);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(ToMessage(*again).SerializeAsString(), written.SerializeAsString()) << kind;
  }
}

TEST_F(HostedTest, TrainsBprmfCapturesAndReadsBack) {
  const v1::Recommender recommender = Train(v1::Recommender::KIND_BPRMF);
  EXPECT_EQ(recommender.name(), "recommenders/h");
  EXPECT_EQ(recommender.catalog(), "catalogs/h");
  EXPECT_EQ(recommender.activation_dim(), 8);
  EXPECT_TRUE(recommender.hosted());
  EXPECT_TRUE(recommender.has_prediction_head());
  EXPECT_EQ(recommender.hyper_parameters().epoch_count(), 2);
  EXPECT_TRUE(recommender.hyper_parameters().has_learning_rate());
  for (const char* metric :
       {"test_hr@5", "test_hr@10", "test_hr@20", "test_hr@50", "test_ndcg@5", "test_ndcg@10",
        "test_ndcg@20", "test_ndcg@50", "dev_ndcg@5", "best_epoch", "epochs", "train_seconds"}) {
    EXPECT_TRUE(recommender.metrics().count(metric)) << metric;
  }
  v1::GetCatalogRequest get;
  get.set_name("catalogs/h");
  v1::Catalog catalog;
  ASSERT_TRUE(Run(&Stub::GetCatalog, get, &catalog).ok());
  EXPECT_EQ(catalog.item_count(), 80);

  const v1::Capture capture = Capture(CaptureRequest("test", v1::SPLIT_TEST));
  EXPECT_EQ(capture.row_count(), 100);
  EXPECT_EQ(capture.dim(), 8);
  const auto batches = Read(capture.name());
  ExpectRankedByHead(batches);

  // The capture holds what ComputeActivations gives for the same users.
  v1::ComputeActivationsRequest compute;
  compute.set_recommender("recommenders/h");
  for (const v1::Case& one : batches[0].cases()) {
    compute.add_queries()->set_user_id(one.user_id());
  }
  v1::ComputeActivationsResponse activations;
  ASSERT_TRUE(Run(&Stub::ComputeActivations, compute, &activations).ok());
  EXPECT_EQ(activations.activations().data(), batches[0].activations().data());
  compute.add_queries()->set_user_id("nobody");
  EXPECT_EQ(Reason(Run(&Stub::ComputeActivations, compute, &activations)), "USER_NOT_FOUND");

  // One row for each training interaction, or as many as asked for.
  v1::GetDatasetRequest dataset;
  *dataset.mutable_dataset() = recommender.dataset();
  v1::Dataset facts;
  ASSERT_TRUE(Run(&Stub::GetDataset, dataset, &facts).ok());
  v1::CaptureActivationsRequest train = CaptureRequest("train", v1::SPLIT_TRAIN);
  train.set_with_cases(false);
  EXPECT_EQ(Capture(train).row_count(), facts.train_interaction_count());
  train.set_capture_id("some");
  train.set_max_rows(50);
  train.set_seed(1);
  EXPECT_EQ(Capture(train).row_count(), 50);
  // With cases, one for each user.
  const v1::Capture context = Capture(CaptureRequest("context", v1::SPLIT_TRAIN));
  EXPECT_EQ(context.row_count(), facts.user_count());
}

TEST_F(HostedTest, TrainsSasrecAndCapturesEveryHistoryPosition) {
  const v1::Recommender recommender = Train(v1::Recommender::KIND_SASREC);
  EXPECT_EQ(recommender.hyper_parameters().history_length(), 20);
  Stop();  // the model is loaded from disk
  Start();
  v1::GetDatasetRequest dataset;
  *dataset.mutable_dataset() = recommender.dataset();
  v1::Dataset facts;
  ASSERT_TRUE(Run(&Stub::GetDataset, dataset, &facts).ok());
  const v1::Capture capture = Capture(CaptureRequest("train", v1::SPLIT_TRAIN));
  EXPECT_EQ(capture.row_count(), facts.train_interaction_count() - facts.user_count());
  const auto batches = Read(capture.name());
  ExpectRankedByHead(batches);

  v1::ComputeActivationsRequest compute;
  compute.set_recommender("recommenders/h");
  for (int i = 0; i < 20; ++i) {
    *compute.add_queries()->mutable_history_item_ids() = batches[0].cases(i).history_item_ids();
  }
  v1::ComputeActivationsResponse response;
  ASSERT_TRUE(Run(&Stub::ComputeActivations, compute, &response).ok());
  const std::vector<float> expected = Floats(batches[0].activations());
  const std::vector<float> computed = Floats(response.activations());
  for (size_t i = 0; i < computed.size(); ++i) EXPECT_NEAR(computed[i], expected[i], 1e-4);

  compute.add_queries();
  EXPECT_EQ(Run(&Stub::ComputeActivations, compute, &response).code(),
            absl::StatusCode::kInvalidArgument);
  compute.mutable_queries(20)->add_history_item_ids("nothing");
  EXPECT_EQ(Reason(Run(&Stub::ComputeActivations, compute, &response)), "ITEM_NOT_FOUND");
}

TEST_F(HostedTest, ARepeatedRequestIsTheFirstJobAndAnotherIsRefused) {
  v1::TrainRecommenderRequest request = TrainRequest(v1::Recommender::KIND_BPRMF, 1);
  request.set_request_id("train");
  jobs::v1::Job first;
  ASSERT_TRUE(Run(&Stub::TrainRecommender, request, &first).ok());
  Watch(first.name());
  jobs::v1::Job again;
  ASSERT_TRUE(Run(&Stub::TrainRecommender, request, &again).ok());
  EXPECT_EQ(again.name(), first.name());
  request.set_request_id("other");
  EXPECT_EQ(Reason(Run(&Stub::TrainRecommender, request, &again)), "RECOMMENDER_EXISTS");
}

TEST_F(HostedTest, ARecommenderDeletedAndTrainedAgainKeepsItsCatalogue) {
  Train(v1::Recommender::KIND_BPRMF);
  v1::DeleteRecommenderRequest remove;
  remove.set_name("recommenders/h");
  google::protobuf::Empty empty;
  ASSERT_TRUE(Run(&Stub::DeleteRecommender, remove, &empty).ok());
  Train(v1::Recommender::KIND_BPRMF);
  ASSERT_TRUE(Run(&Stub::DeleteRecommender, remove, &empty).ok());
  // Other items under the same name are refused.
  v1::TrainRecommenderRequest request = TrainRequest(v1::Recommender::KIND_BPRMF, 1);
  request.mutable_dataset()->mutable_planted()->set_items_per_concept(21);
  jobs::v1::Job job;
  ASSERT_TRUE(Run(&Stub::TrainRecommender, request, &job).ok());
  job = Watch(job.name());
  EXPECT_EQ(job.state(), jobs::v1::Job::STATE_FAILED);
  EXPECT_EQ(Reason(FromRpcStatus(job.error())), "CATALOG_EXISTS");
}

TEST_F(HostedTest, ACancelledTrainingLeavesNothing) {
  v1::TrainRecommenderRequest request = TrainRequest(v1::Recommender::KIND_SASREC, 1000);
  request.mutable_hyper_parameters()->set_patience(1000);
  request.mutable_dataset()->mutable_planted()->set_user_count(2000);
  jobs::v1::Job job;
  ASSERT_TRUE(Run(&Stub::TrainRecommender, request, &job).ok());
  grpc::ClientContext context;
  jobs::v1::WatchJobRequest watch;
  watch.set_name(job.name());
  auto reader = jobs_->WatchJob(&context, watch);
  while (reader->Read(&job) && job.metrics().count("loss") == 0) {
  }
  grpc::ClientContext cancel_context;
  jobs::v1::CancelJobRequest cancel;
  cancel.set_name(job.name());
  ASSERT_TRUE(jobs_->CancelJob(&cancel_context, cancel, &job).ok());
  while (reader->Read(&job)) {
  }
  EXPECT_EQ(job.state(), jobs::v1::Job::STATE_CANCELLED);
  v1::GetRecommenderRequest get;
  get.set_name("recommenders/h");
  v1::Recommender recommender;
  EXPECT_EQ(Reason(Run(&Stub::GetRecommender, get, &recommender)), "RECOMMENDER_NOT_FOUND");
  v1::GetCatalogRequest get_catalog;
  get_catalog.set_name("catalogs/h");
  v1::Catalog catalog;
  EXPECT_EQ(Reason(Run(&Stub::GetCatalog, get_catalog, &catalog)), "CATALOG_NOT_FOUND");
}

TEST_F(HostedTest, ATrainingThatWasStoppedGoesOnAfterARestart) {
  v1::TrainRecommenderRequest request = TrainRequest(v1::Recommender::KIND_SASREC, 3);
  request.mutable_dataset()->mutable_planted()->set_user_count(1000);
  jobs::v1::Job job;
  ASSERT_TRUE(Run(&Stub::TrainRecommender, request, &job).ok());
  const std::string name = job.name();
  Stop();
  Start();
  job = Watch(name);
  EXPECT_EQ(job.state(), jobs::v1::Job::STATE_SUCCEEDED) << job.DebugString();
  v1::GetRecommenderRequest get;
  get.set_name("recommenders/h");
  v1::Recommender recommender;
  EXPECT_TRUE(Run(&Stub::GetRecommender, get, &recommender).ok());
}

TEST_F(HostedTest, DataSetsWithoutTestRowsAreRefusedBeforeTraining) {
  v1::TrainRecommenderRequest request = TrainRequest(v1::Recommender::KIND_BPRMF, 1000);
  request.mutable_dataset()->mutable_planted()->Clear();
  request.mutable_dataset()->set_name("short");
  WriteDataset("short", "user,item\nann,a\nann,b\nbob,b\n");
  v1::GetDatasetRequest get;
  *get.mutable_dataset() = request.dataset();
  v1::Dataset facts;
  ASSERT_TRUE(Run(&Stub::GetDataset, get, &facts).ok());
  const auto said = [&](const char* code) {
    return std::any_of(facts.remarks().begin(), facts.remarks().end(),
                       [&](const v1::DatasetRemark& remark) { return remark.code() == code; });
  };
  EXPECT_TRUE(said("NO_TEST_ROWS"));
  EXPECT_TRUE(said("NO_ITEM_FILE"));
  jobs::v1::Job job;
  ASSERT_TRUE(Run(&Stub::TrainRecommender, request, &job).ok());
  job = Watch(job.name());
  EXPECT_EQ(job.state(), jobs::v1::Job::STATE_FAILED);
  EXPECT_NE(job.error().message().find("no test row"), std::string::npos) << job.DebugString();
}

TEST_F(HostedTest, WhatIsSaidOfTheDataIsKeptWithTheRecommender) {
  std::string log = "user,item,time\n";
  for (int i = 0; i < 200; ++i) absl::StrAppend(&log, "u", i % 20, ",i", i * 7 % 40, ",", i, "\n");
  absl::StrAppend(&log, "u0,i0,0\n");
  WriteDataset("shop", log);
  v1::TrainRecommenderRequest request = TrainRequest(v1::Recommender::KIND_BPRMF, 1);
  request.mutable_dataset()->mutable_planted()->Clear();
  request.mutable_dataset()->set_name("shop");
  jobs::v1::Job job;
  ASSERT_TRUE(Run(&Stub::TrainRecommender, request, &job).ok());
  job = Watch(job.name());
  v1::Recommender recommender;
  ASSERT_TRUE(job.result().UnpackTo(&recommender)) << job.DebugString();
  ASSERT_GE(recommender.dataset_remarks_size(), 2);
  EXPECT_EQ(recommender.dataset_remarks(0).code(), "NO_ITEM_FILE");
  EXPECT_TRUE(recommender.metrics().contains("test_seen_share"));
  // 40 items: whatever is recommended, the one in question is among 50.
  EXPECT_FALSE(recommender.metrics().contains("test_hr@50"));
  EXPECT_TRUE(recommender.metrics().contains("test_hr@10"));
}

TEST_F(HostedTest, HeldOutRowsThatACaptureLeavesOutAreCounted) {
  std::string log = "user,item,time,split\n";
  for (int i = 0; i < 200; ++i)
    absl::StrAppend(&log, "u", i % 20, ",i", i * 7 % 40, ",", i, i < 180 ? ",train\n" : ",test\n");
  absl::StrAppend(&log, "stranger,i1,1,test\nstranger,i2,2,test\n");
  WriteDataset("shop", log);
  v1::TrainRecommenderRequest request = TrainRequest(v1::Recommender::KIND_BPRMF, 1);
  request.mutable_dataset()->mutable_planted()->Clear();
  request.mutable_dataset()->set_name("shop");
  jobs::v1::Job job;
  ASSERT_TRUE(Run(&Stub::TrainRecommender, request, &job).ok());
  ASSERT_EQ(Watch(job.name()).state(), jobs::v1::Job::STATE_SUCCEEDED);
  ASSERT_TRUE(Run(&Stub::CaptureActivations, CaptureRequest("c", v1::SPLIT_TEST), &job).ok());
  job = Watch(job.name());
  v1::Capture capture;
  ASSERT_TRUE(job.result().UnpackTo(&capture)) << job.DebugString();
  EXPECT_EQ(capture.row_count(), 20);
  EXPECT_EQ(job.metrics().at("rows_left_out"), 2);
  ASSERT_TRUE(Run(&Stub::CaptureActivations, CaptureRequest("t", v1::SPLIT_TRAIN), &job).ok());
  EXPECT_FALSE(Watch(job.name()).metrics().contains("rows_left_out"));
}

TEST_F(HostedTest, BadRequestsAndMissingDataAreNamed) {
  v1::TrainRecommenderRequest request = TrainRequest(v1::Recommender::KIND_EXTERNAL, 1);
  request.mutable_dataset()->set_name("../up");
  jobs::v1::Job job;
  const absl::Status status = Run(&Stub::TrainRecommender, request, &job);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("dataset.name"), absl::string_view::npos);
  EXPECT_NE(status.message().find("kind"), absl::string_view::npos);

  v1::GetDatasetRequest get;
  get.mutable_dataset()->set_name("no-such-data-set");
  v1::Dataset dataset;
  const absl::Status missing = Run(&Stub::GetDataset, get, &dataset);
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Reason(missing), "DATASET_NOT_FOUND");
  get.mutable_dataset()->set_name("planted");
  get.mutable_dataset()->mutable_planted()->set_concept_count(-1);
  EXPECT_EQ(Run(&Stub::GetDataset, get, &dataset).code(), absl::StatusCode::kInvalidArgument);

  v1::CaptureActivationsRequest capture = CaptureRequest("x", v1::SPLIT_TEST);
  EXPECT_EQ(Reason(Run(&Stub::CaptureActivations, capture, &job)), "RECOMMENDER_NOT_FOUND");
  capture.set_split(v1::SPLIT_UNSPECIFIED);
  capture.set_max_rows(-1);
  capture.set_ranked_item_count(101);
  const absl::Status bad = Run(&Stub::CaptureActivations, capture, &job);
  for (const char* field : {"split", "max_rows", "ranked_item_count"}) {
    EXPECT_NE(bad.message().find(field), absl::string_view::npos) << bad;
  }
}

}  // namespace
}  // namespace recsae::probe
