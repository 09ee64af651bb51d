// Jobs that are taken up again after they had published.
#include <google/protobuf/any.pb.h>

#include "services/probe/datasets/dataset_source.h"
#include "services/probe/jobs/jobs.h"
#include "services/probe/models/hosted_models.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/resources/resources.h"
#include "services/probe/torch/torch_hosts.h"
#include "tests/unit/probe/service/fixture.h"

namespace recsae::probe {
namespace {

using Handler = absl::StatusOr<google::protobuf::Any> (*)(JobEnvironment, JobContext&);

class JobResumeTest : public testing::Test {
 protected:
  void SetUp() override {
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(testing::TempDir(), "/resume-", test->name(), "-", getpid());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    resources_ = *Resources::Open(folder_ + "/probe");
    models_ = std::make_unique<HostedModels>(resources_->recommenders(), hosts_, torch_, memory_);
    JobRunnerOptions options;
    options.service = "probe";
    runner_ = *JobRunner::Open(folder_ + "/jobs", options);
    Register(kTrainJob, TrainRecommenderJob);
    Register(kCaptureJob, CaptureActivationsJob);
    ASSERT_TRUE(runner_->Start().ok());
  }
  void TearDown() override {
    runner_.reset();
    models_.reset();
    resources_.reset();
    std::filesystem::remove_all(folder_);
  }

  // Runs every job twice over, as when the process is killed between its last write and the
  // runner's record of it.
  void Register(const char* kind, Handler handler) {
    runner_->Register(kind, [this, handler](JobContext& job) {
      const JobEnvironment environment{*resources_, datasets_, *models_, torch_, memory_};
      const auto first = handler(environment, job);
      EXPECT_TRUE(first.ok()) << first.status();
      auto second = handler(environment, job);
      EXPECT_EQ(second->DebugString(), first->DebugString());
      return second;
    });
  }

  jobs::v1::Job RunJob(const char* kind, const std::string& target,
                       const google::protobuf::Message& request, const JobCheck& check = nullptr) {
    google::protobuf::Any spec;
    spec.PackFrom(request);
    jobs::v1::Job job = *runner_->Submit(kind, {target}, spec, "", check);
    uint64_t revision = 0;
    while (job.state() < jobs::v1::Job::STATE_SUCCEEDED) {
      revision = *runner_->Watch(job.name(), revision, absl::Seconds(1), &job);
    }
    return job;
  }

  int64_t Count(const char* family) {
    int64_t keys = 0;
    for (auto scan = resources_->store().db().Scan(family, ""); scan->Valid(); scan->Next()) ++keys;
    return keys;
  }

  std::string folder_;
  std::unique_ptr<Resources> resources_;
  MemoryBudget& memory_ = MemoryBudget::Unlimited();
  DatasetSource datasets_{LocateOptions(), memory_};
  HostRegistry hosts_{[](int64_t) {}};
  TorchHosts torch_{{.program = RECSAE_TORCH_HOST}};
  std::unique_ptr<HostedModels> models_;
  std::unique_ptr<JobRunner> runner_;
};

v1::TrainRecommenderRequest TrainRequest() {
  v1::TrainRecommenderRequest train;
  train.set_recommender_id("h");
  train.set_kind(v1::Recommender::KIND_BPRMF);
  train.mutable_dataset()->set_name("planted");
  train.mutable_dataset()->mutable_planted()->set_user_count(50);
  train.mutable_dataset()->mutable_planted()->set_concept_count(4);
  train.mutable_dataset()->mutable_planted()->set_interactions_per_user(12);
  train.mutable_hyper_parameters()->set_embedding_dim(8);
  train.mutable_hyper_parameters()->set_epoch_count(1);
  return train;
}

// Those of the server that accepted it, as TrainRecommender stores them.
TEST_F(JobResumeTest, AJobKeepsTheHyperParametersItWasStartedWith) {
  const v1::TrainRecommenderRequest request = TrainRequest();
  const double today = DefaultOptions(RecommenderKind::kBprmf).learning_rate;
  const jobs::v1::Job job = RunJob(kTrainJob, "recommenders/h", request, [&](auto& resolved) {
    v1::TrainRecommenderRequest then = request;
    then.mutable_hyper_parameters()->set_learning_rate(today / 2);
    resolved.PackFrom(then);
    return absl::OkStatus();
  });
  v1::Recommender made;
  ASSERT_TRUE(job.result().UnpackTo(&made)) << job.DebugString();
  EXPECT_EQ(made.hyper_parameters().learning_rate(), today / 2);
}

TEST_F(JobResumeTest, AJobFindsWhatItHasPublished) {
  const v1::TrainRecommenderRequest train = TrainRequest();
  EXPECT_EQ(RunJob(kTrainJob, "recommenders/h", train).state(), jobs::v1::Job::STATE_SUCCEEDED);
  EXPECT_EQ(Count(kItemFamily), 100);
  EXPECT_EQ(Count(kHeadFamily), 100);

  v1::CaptureActivationsRequest capture;
  capture.set_parent("recommenders/h");
  capture.set_capture_id("p");
  capture.set_split(v1::SPLIT_TEST);
  capture.set_with_cases(true);
  EXPECT_EQ(RunJob(kCaptureJob, "recommenders/h/captures/p", capture).state(),
            jobs::v1::Job::STATE_SUCCEEDED);
  EXPECT_EQ(Count(kCaseFamily), 50);
}

}  // namespace
}  // namespace recsae::probe
