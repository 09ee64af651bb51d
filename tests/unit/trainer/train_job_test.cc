// The job under a real JobRunner, on real training, with capture and store in memory.
#include "services/trainer/run/train_job.h"

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/rpc/grpc_status.h"
#include "common/sae/metrics.h"
#include "recsae/jobs/v1/jobs.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"
#include "services/trainer/run/train_request.h"
#include "services/trainer/run/training_config.h"
#include "tests/unit/common/sae/testing.h"
#include "tests/unit/trainer/train_job_fixture.h"

namespace recsae::trainer {
namespace {

TEST_F(TrainJobTest, TrainsReportsAndPublishes) {
  const Job job = RunToEnd(Request());
  ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
  ASSERT_EQ(publisher_.published().size(), 1u);
  const MemoryPublisher::Published published = publisher_.published()[0];
  EXPECT_TRUE(published.request_id.starts_with(job.name())) << published.request_id;
  const concept_store::v1::Sae& sae = published.sae;
  EXPECT_EQ(sae.name(), "saes/planted");
  EXPECT_EQ(sae.activation_dim(), kDim);
  EXPECT_EQ(sae.latent_count(), 32);
  EXPECT_EQ(sae.k(), 3);
  EXPECT_EQ(sae.architecture(), concept_store::v1::Sae::ARCHITECTURE_BATCH_TOPK);
  EXPECT_EQ(sae.capture(), kCapture);
  EXPECT_EQ(sae.recommender_uid(), "uid of r");
  EXPECT_EQ(sae.report().row_count(), kRows);
  EXPECT_EQ(sae.report().epoch_count(), 6);
  EXPECT_EQ(sae.report().step_count(), (kRows * 6 + 127) / 128);
  EXPECT_EQ(sae.report().hyper_parameters().at("batch_rows"), "128");
  EXPECT_EQ(trained_rows_, kRows * 6);

  // What the report says is what the published weights do on the capture.
  const absl::StatusOr<sae::SaeModel> model = sae::SaeModel::Create(published.weights);
  ASSERT_TRUE(model.ok()) << model.status();
  sae::MetricsAccumulator accumulator(kDim, 32);
  accumulator.Add(*model, sae::PlantedRows(kRows, kDim, 20, 2, 5).data(), kRows);
  const sae::ReconstructionMetrics metrics = accumulator.Result();
  EXPECT_DOUBLE_EQ(sae.report().fvu(), metrics.fvu);
  EXPECT_DOUBLE_EQ(sae.report().l0(), metrics.l0);
  EXPECT_DOUBLE_EQ(sae.report().dead_fraction(), metrics.dead_fraction);
  EXPECT_EQ(sae.scale(), published.weights.input_scale);
  EXPECT_LT(metrics.fvu, 0.3);

  EXPECT_DOUBLE_EQ(job.metrics().at("fvu"), metrics.fvu);
  EXPECT_DOUBLE_EQ(job.metrics().at("dead_fraction"), metrics.dead_fraction);
  for (const char* name : {"loss", "l0", "rows_per_second", "epoch"}) {
    EXPECT_TRUE(job.metrics().contains(name)) << name;
  }
  EXPECT_EQ(job.progress().done(), kRows * 7);
  EXPECT_EQ(job.progress().total(), kRows * 7);
  EXPECT_EQ(job.progress().unit(), "rows");
  v1::TrainSaeResult result;
  ASSERT_TRUE(job.result().UnpackTo(&result));
  EXPECT_EQ(result.sae().name(), "saes/planted");
}

TEST_F(TrainJobTest, PaperPresetPublishesASignedSae) {
  v1::TrainSaeRequest request = Request();
  request.mutable_config()->set_preset(v1::TrainingConfig::PRESET_PAPER);
  const Job job = RunToEnd(request);
  ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
  EXPECT_EQ(publisher_.published()[0].sae.architecture(),
            concept_store::v1::Sae::ARCHITECTURE_TOPK_SIGNED);
  EXPECT_EQ(publisher_.published()[0].sae.scale(), 1.0f);
}

// Stopped in mid-training (the rows stop coming), taken up by another runner on the same directory.
TEST_F(TrainJobTest, ResumedJobGivesTheSameWeights) {
  ASSERT_EQ(RunToEnd(Request()).state(), Job::STATE_SUCCEEDED);
  runner_.reset();
  const sae::SaeWeights expected = publisher_.published()[0].weights;
  for (int64_t stop : {500, 4000, 11'000}) {
    const Job job = RunWithAStop(Request(), stop);
    ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
    EXPECT_EQ(trained_rows_, kRows * 6) << "rows were trained twice or left out";
    const sae::SaeWeights weights = publisher_.published().back().weights;
    EXPECT_EQ(weights.encoder, expected.encoder) << "stopped after " << stop;
    EXPECT_EQ(weights.decoder, expected.decoder);
    EXPECT_EQ(weights.pre_bias, expected.pre_bias);
  }
}

// The work since the last checkpoint is lost and done again, to the same weights.
TEST_F(TrainJobTest, CrashedJobGivesTheSameWeights) {
  v1::TrainSaeRequest request = Request();
  const std::string first_only = directory_.string() + "_first";
  request.mutable_config()->set_checkpoint_seconds(1e6);
  CrashAfter(request, 9000, first_only);
  const std::string every_step = directory_.string() + "_every";
  request.mutable_config()->set_checkpoint_seconds(0.0);
  CrashAfter(request, 9000, every_step);

  ASSERT_EQ(RunToEnd(Request()).state(), Job::STATE_SUCCEEDED);
  runner_.reset();
  const sae::SaeWeights expected = publisher_.published()[0].weights;
  for (const std::string& crashed : {first_only, every_step}) {
    const Job job = ResumeCrashed(crashed);
    ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
    EXPECT_EQ(trained_rows_ < kRows * 6, crashed == every_step);
    EXPECT_EQ(publisher_.published().back().weights.encoder, expected.encoder) << crashed;
    EXPECT_EQ(publisher_.published().back().weights.decoder, expected.decoder) << crashed;
  }
}

// Whether rows are read ahead by a thread of their own or by the job's, the job fails with a
// reason, and the next one runs.
TEST_F(TrainJobTest, AllocationThatFailsEndsTheJobAlone) {
  for (const int64_t cache_bytes : {int64_t{0}, int64_t{1} << 30}) {
    std::filesystem::remove_all(directory_);
    cache_bytes_ = cache_bytes;
    source_.ExhaustAfter(source_.rows_read() + kRows / 2);
    StartRunner();
    const Job failed = WaitUntilFinal(Submit(Request()));
    EXPECT_EQ(failed.state(), Job::STATE_FAILED);
    EXPECT_EQ(Reason(FromRpcStatus(failed.error())), "OUT_OF_MEMORY");
    source_.ExhaustAfter(-1);
    const Job next = WaitUntilFinal(Submit(Request()));
    EXPECT_EQ(next.state(), Job::STATE_SUCCEEDED) << next.error().message();
    runner_.reset();
  }
}

// Stored when it was submitted; what is the default by the time it goes on does not count.
TEST_F(TrainJobTest, AResumedJobKeepsTheConfigurationItWasStartedWith) {
  v1::TrainSaeRequest request = Request();
  request.mutable_config()->clear_k();
  request.mutable_config()->clear_epoch_count();
  BadRequest bad;
  const v1::TrainingConfig today = FillIn(request.config(), {kDim, kAnyRows}, "config", bad);
  ASSERT_TRUE(bad.ok());
  v1::TrainingConfig then = today;
  then.set_k(today.k() - 3);
  then.set_epoch_count(2);

  source_.StallAfter(kRows + 1000);
  StartRunner();
  const std::string name = Submit(request, [&](google::protobuf::Any& resolved) {
    resolved.PackFrom(WithConfigs(request, {then}));
    return absl::OkStatus();
  });
  while (trained_rows_ < 500) std::this_thread::yield();
  ASSERT_TRUE(runner_->Stop(absl::InfiniteDuration()).ok());
  runner_.reset();
  source_.StallAfter(-1);
  StartRunner();
  const Job job = WaitUntilFinal(name);
  ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
  EXPECT_EQ(job.resume_count(), 1);
  const concept_store::v1::Sae sae = publisher_.published()[0].sae;
  EXPECT_EQ(sae.k(), then.k());
  EXPECT_EQ(sae.report().epoch_count(), 2);
  // The request is kept as it was sent.
  v1::TrainSaeRequest spec;
  ASSERT_TRUE(job.spec().UnpackTo(&spec));
  EXPECT_FALSE(spec.config().has_k());
}

// Rows that a recorder adds while the job is stopped take no part.
TEST_F(TrainJobTest, RowsArePinnedWhenTheJobStarts) {
  const Job job = RunWithAChange([this] { source_.Append(std::vector<float>(100 * kDim, 3.0f)); });
  ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
  EXPECT_EQ(publisher_.published()[0].sae.report().row_count(), kRows);
  for (int64_t limit : source_.row_limits()) EXPECT_EQ(limit, kRows);
}

TEST_F(TrainJobTest, ACaptureRecordedAnewUnderItsNameIsNotTheOneTheJobBeganWith) {
  const Job job = RunWithAChange([this] { source_.RecordAnew(); });
  EXPECT_EQ(job.state(), Job::STATE_FAILED);
  EXPECT_EQ(job.error().code(), static_cast<int>(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(job.error().message(), testing::HasSubstr("recorded anew"));
  EXPECT_TRUE(publisher_.published().empty());
}

TEST_F(TrainJobTest, RowsInMemoryGiveTheSameWeights) {
  ASSERT_EQ(RunToEnd(Request()).state(), Job::STATE_SUCCEEDED);
  runner_.reset();
  const int64_t bytes = kRows * kDim * 4;
  for (const int64_t cache_bytes : {bytes, bytes - 1}) {
    std::filesystem::remove_all(directory_);
    cache_bytes_ = cache_bytes;
    const int64_t before = source_.rows_read();
    const Job job = RunToEnd(Request());
    ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED);
    EXPECT_EQ(job.progress().total(), cache_bytes == bytes ? 8 * kRows : 7 * kRows);
    EXPECT_EQ(job.progress().done(), job.progress().total());
    runner_.reset();
    // Once; or for the sample, each epoch and the evaluation.
    EXPECT_EQ(source_.rows_read() - before, cache_bytes == bytes ? kRows : 8 * kRows);
    EXPECT_EQ(publisher_.published().back().weights.encoder,
              publisher_.published().front().weights.encoder);
    EXPECT_EQ(publisher_.published().back().sae.report().fvu(),
              publisher_.published().front().sae.report().fvu());
  }
}

// Each row of a third of the capture three times, one after the other.
class RepeatedRowsTest : public TrainJobTest {
 protected:
  RepeatedRowsTest() {
    const std::vector<float> rows = sae::PlantedRows(kRows / 3, kDim, 20, 2, 5);
    std::vector<float> all;
    for (size_t at = 0; at < rows.size(); at += kDim) {
      for (int i = 0; i < 3; ++i) {
        all.insert(all.end(), rows.begin() + static_cast<int64_t>(at),
                   rows.begin() + static_cast<int64_t>(at) + kDim);
      }
    }
    source_.Replace(all);
    cache_bytes_ = int64_t{1} << 30;
  }

  concept_store::v1::Sae Train(const v1::TrainSaeRequest& request) {
    std::filesystem::remove_all(directory_);
    const Job job = RunToEnd(request);
    EXPECT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
    EXPECT_EQ(job.progress().done(), job.progress().total());
    runner_.reset();
    return publisher_.published().back().sae;
  }
};

TEST_F(RepeatedRowsTest, CountAndAreJudgedLikeAllRows) {
  const concept_store::v1::Sae counted = Train(Request());
  EXPECT_EQ(counted.report().row_count(), kRows);
  EXPECT_EQ(counted.report().distinct_row_count(), kRows / 3);
  EXPECT_EQ(counted.report().step_count(), (kRows * 6 + 127) / 128);
  EXPECT_TRUE(counted.report().warnings().empty());
  const sae::SaeWeights weights = publisher_.published().back().weights;
  const absl::StatusOr<sae::SaeModel> model = sae::SaeModel::Create(weights);
  ASSERT_TRUE(model.ok()) << model.status();
  sae::MetricsAccumulator accumulator(kDim, 32);
  accumulator.Add(*model, source_.values().data(), kRows);
  EXPECT_NEAR(counted.report().fvu(), accumulator.Result().fvu, 1e-9);
  EXPECT_NEAR(counted.report().l0(), accumulator.Result().l0, 1e-9);
  EXPECT_LT(counted.report().fvu(), 0.3);
  // Trained on as they are the rows say that they were not counted, and lead to as good an SAE.
  cache_bytes_ = 0;
  const concept_store::v1::Sae plain = Train(Request());
  EXPECT_EQ(plain.report().distinct_row_count(), 0);
  ASSERT_EQ(plain.report().warnings_size(), 1);
  EXPECT_THAT(plain.report().warnings(0), testing::HasSubstr("row cache of 0 bytes"));
  EXPECT_NEAR(plain.report().fvu(), counted.report().fvu(), 0.05);
}

TEST_F(RepeatedRowsTest, DecideTheNumberOfLatents) {
  v1::TrainSaeRequest request = Request();
  request.mutable_config()->clear_latent_count();
  concept_store::v1::Sae sae = Train(request);  // 1,000 / 16 = 62
  EXPECT_EQ(sae.latent_count(), 32);
  EXPECT_EQ(sae.report().hyper_parameters().at("latents"), "32");
  EXPECT_EQ(sae.report().hyper_parameters().at("matryoshka_prefixes"), "8");
  request.mutable_config()->set_without_prefixes(true);
  EXPECT_EQ(Train(request).report().hyper_parameters().at("matryoshka_prefixes"), "none");
  cache_bytes_ = 0;  // 3,000 / 16 = 187, but 8 d = 64
  EXPECT_EQ(Train(request).latent_count(), 64);
  cache_bytes_ = int64_t{1} << 30;
  request.mutable_config()->set_latent_count(63);
  sae = Train(request);
  EXPECT_EQ(sae.latent_count(), 63);
  ASSERT_EQ(sae.report().warnings_size(), 1);
  EXPECT_THAT(sae.report().warnings(0), testing::HasSubstr("lower latent_count to at most 62"));
}

TEST_F(RepeatedRowsTest, CrashedJobGivesTheSameWeights) {
  v1::TrainSaeRequest request = Request();
  request.mutable_config()->clear_latent_count();
  request.mutable_config()->set_checkpoint_seconds(0.0);
  const std::string crashed = directory_.string() + "_crashed";
  CrashAfter(request, 9000, crashed);
  Train(request);
  const sae::SaeWeights expected = publisher_.published().back().weights;
  // Also where the rows would no longer be cached: others would lead to another SAE.
  cache_bytes_ = 0;
  const Job job = ResumeCrashed(crashed);
  ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
  EXPECT_LT(trained_rows_, kRows * 6);
  EXPECT_EQ(publisher_.published().back().weights.encoder, expected.encoder);
  EXPECT_EQ(publisher_.published().back().sae.report().distinct_row_count(), kRows / 3);
}

TEST_F(TrainJobTest, CancelWhileRowsAreReadIntoMemory) {
  cache_bytes_ = int64_t{1} << 30;
  source_.StallAfter(1000);
  StartRunner();
  const std::string name = Submit(Request());
  while (source_.rows_read() < 1000) std::this_thread::yield();
  ASSERT_TRUE(runner_->Cancel(name).ok());
  EXPECT_EQ(WaitUntilFinal(name).state(), Job::STATE_CANCELLED);
}

TEST_F(TrainJobTest, CheckpointsAsOftenAsAsked) {
  v1::TrainSaeRequest request = Request();
  request.mutable_config()->set_checkpoint_seconds(0.0);  // after every step
  const Job job = RunToEnd(request);
  ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
  EXPECT_LT(publisher_.published()[0].sae.report().fvu(), 0.3);
}

TEST_F(TrainJobTest, CancelWhileWaitingForRows) {
  source_.StallAfter(kRows + 1000);
  StartRunner();
  const std::string name = Submit(Request());
  while (trained_rows_ < 500) std::this_thread::yield();
  ASSERT_TRUE(runner_->Cancel(name).ok());
  EXPECT_EQ(WaitUntilFinal(name).state(), Job::STATE_CANCELLED);
  EXPECT_TRUE(publisher_.published().empty());
}

TEST_F(TrainJobTest, CancelBeforeTheFirstRow) {
  source_.StallAfter(0);
  StartRunner();
  const std::string name = Submit(Request());
  WaitFor(name, [](const Job& job) { return job.state() == Job::STATE_RUNNING; });
  ASSERT_TRUE(runner_->Cancel(name).ok());
  EXPECT_EQ(WaitUntilFinal(name).state(), Job::STATE_CANCELLED);
}

TEST_F(TrainJobTest, UnknownCapture) {
  v1::TrainSaeRequest request = Request();
  request.set_capture("recommenders/r/captures/other");
  const Job job = RunToEnd(request);
  EXPECT_EQ(job.state(), Job::STATE_FAILED);
  EXPECT_EQ(Reason(FromRpcStatus(job.error())), "CAPTURE_NOT_FOUND");
}

TEST_F(TrainJobTest, ConfigThatDoesNotFitTheCapture) {
  v1::TrainSaeRequest request = Request();
  request.mutable_config()->clear_latent_count();
  request.mutable_config()->set_expansion_factor(1);
  request.mutable_config()->set_k(kDim + 1);
  const Job job = RunToEnd(request);
  EXPECT_EQ(job.state(), Job::STATE_FAILED);
  EXPECT_EQ(FromRpcStatus(job.error()).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TrainJobTest, CaptureThatLostRows) {
  source_.LoseRowsAfter(kRows / 2);
  const Job job = RunToEnd(Request());
  EXPECT_EQ(job.state(), Job::STATE_FAILED);
  EXPECT_EQ(Reason(FromRpcStatus(job.error())), "CAPTURE_TOO_SHORT");
}

// Captures that cannot be trained on.
Job RunOn(std::vector<float> rows, const std::string& name) {
  const std::filesystem::path directory = std::filesystem::path(::testing::TempDir()) / name;
  std::filesystem::remove_all(directory);
  MemorySource source(kCapture, kDim, std::move(rows), 100);
  MemoryPublisher publisher;
  JobRunnerOptions options;
  options.service = "trainer";
  const std::unique_ptr<JobRunner> runner = *JobRunner::Open(directory.string(), options);
  runner->Register(kTrainSaeKind, [&](JobContext& job) {
    TrainJobEnvironment environment;
    environment.source = &source;
    environment.publisher = &publisher;
    return RunTrainJob(environment, job);
  });
  EXPECT_TRUE(runner->Start().ok());
  google::protobuf::Any spec;
  spec.PackFrom(Request());
  Job job = *runner->Submit(kTrainSaeKind, {"saes/planted"}, spec, "");
  uint64_t seen = 0;
  while (!job.has_end_time()) seen = *runner->Watch(job.name(), seen, absl::Seconds(1), &job);
  return job;
}

TEST(TrainJobInputTest, EmptyCapture) {
  const Job job = RunOn({}, "train_job_empty");
  EXPECT_EQ(job.state(), Job::STATE_FAILED);
  EXPECT_EQ(Reason(FromRpcStatus(job.error())), "CAPTURE_EMPTY");
}

TEST(TrainJobInputTest, CaptureWithoutVariance) {
  const Job job = RunOn(std::vector<float>(50 * kDim, 1.5f), "train_job_constant");
  EXPECT_EQ(job.state(), Job::STATE_FAILED);
  EXPECT_EQ(Reason(FromRpcStatus(job.error())), "CAPTURE_CONSTANT");
}

TEST(TrainJobInputTest, OneBatchIsEnough) {
  const Job job = RunOn(sae::PlantedRows(20, kDim, 20, 2, 5), "train_job_small");
  EXPECT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
}

}  // namespace
}  // namespace recsae::trainer
