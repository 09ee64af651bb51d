// Training jobs under a real JobRunner, with captures and store in memory.
#ifndef RECSAE_TESTS_UNIT_TRAINER_TRAIN_JOB_FIXTURE_H_
#define RECSAE_TESTS_UNIT_TRAINER_TRAIN_JOB_FIXTURE_H_

#include <google/protobuf/any.pb.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "common/jobs/job_runner.h"
#include "recsae/jobs/v1/jobs.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"
#include "services/trainer/run/train_job.h"
#include "tests/unit/common/sae/testing.h"
#include "tests/unit/trainer/testing.h"

namespace recsae::trainer {

using jobs::v1::Job;

inline constexpr char kCapture[] = "recommenders/r/captures/train";
inline constexpr int kDim = 8;
inline constexpr int64_t kRows = 3000;

inline v1::TrainingConfig SmallConfig() {
  v1::TrainingConfig config;
  config.set_latent_count(32);
  config.set_k(3);
  config.set_batch_rows(128);
  config.set_epoch_count(6);
  config.set_learning_rate(5e-3);
  config.set_dead_after_rows(2000);
  config.set_seed(11);
  config.set_thread_count(1);
  return config;
}

inline v1::TrainSaeRequest Request() {
  v1::TrainSaeRequest request;
  request.set_sae_id("planted");
  request.set_capture(kCapture);
  *request.mutable_config() = SmallConfig();
  return request;
}

class TrainJobTest : public ::testing::Test {
 protected:
  TrainJobTest()
      : source_(kCapture, kDim, sae::PlantedRows(kRows, kDim, 20, 2, 5), 100),
        directory_(std::filesystem::path(::testing::TempDir()) /
                   (std::string("train_job_") +
                    ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(directory_);
  }
  ~TrainJobTest() override {
    runner_.reset();
    std::filesystem::remove_all(directory_);
  }

  // Starts a process's worth of job runner on the same directory.
  void StartRunner() {
    JobRunnerOptions options;
    options.service = "trainer";
    absl::StatusOr<std::unique_ptr<JobRunner>> runner =
        JobRunner::Open(directory_.string(), options);
    ASSERT_TRUE(runner.ok()) << runner.status();
    runner_ = *std::move(runner);
    TrainJobEnvironment environment;
    environment.source = &source_;
    environment.publisher = &publisher_;
    environment.cache_bytes = cache_bytes_;
    environment.count_rows = [this](int64_t rows) {
      trained_rows_ += rows;
      if (exit_after_ >= 0 && trained_rows_ >= exit_after_) _exit(0);
    };
    for (const char* kind : {kTrainSaeKind, kTrainSaesKind}) {
      runner_->Register(kind,
                        [environment](JobContext& job) { return RunTrainJob(environment, job); });
    }
    ASSERT_TRUE(runner_->Start().ok());
  }

  template <typename Message>
  std::string Submit(const Message& request, const JobCheck& check = nullptr) {
    google::protobuf::Any spec;
    spec.PackFrom(request);
    const absl::StatusOr<Job> job =
        runner_->Submit(KindOf(request), {"saes/planted"}, spec, "", check);
    EXPECT_TRUE(job.ok()) << job.status();
    return job->name();
  }

  // Follows the job until `done` says so or it has reached a final state.
  Job WaitFor(const std::string& name, const std::function<bool(const Job&)>& done) {
    Job job;
    uint64_t seen = 0;
    while (true) {
      const absl::StatusOr<uint64_t> revision = runner_->Watch(name, seen, absl::Seconds(1), &job);
      EXPECT_TRUE(revision.ok()) << revision.status();
      if (!revision.ok() || job.has_end_time() || done(job)) return job;
      seen = *revision;
    }
  }
  Job WaitUntilFinal(const std::string& name) {
    return WaitFor(name, [](const Job&) { return false; });
  }

  template <typename Message>
  Job RunToEnd(const Message& request) {
    StartRunner();
    return WaitUntilFinal(Submit(request));
  }

  // Stops a job in its first epoch, lets `change` happen to the capture, and goes on.
  Job RunWithAChange(const std::function<void()>& change) {
    source_.StallAfter(kRows + 1000);
    StartRunner();
    const std::string name = Submit(Request());
    while (trained_rows_ < 500) std::this_thread::yield();
    EXPECT_TRUE(runner_->Stop(absl::InfiniteDuration()).ok());
    runner_.reset();
    change();
    source_.StallAfter(-1);
    StartRunner();
    return WaitUntilFinal(name);
  }

  // Trains until so many rows were trained on, stops, and goes on as a restarted process would.
  template <typename Message>
  Job RunWithAStop(const Message& request, int64_t rows) {
    std::filesystem::remove_all(directory_);
    trained_rows_ = 0;
    // The sample is read first: all rows, since the capture is smaller than a sample.
    source_.StallAfter(source_.rows_read() + kRows + rows);
    StartRunner();
    const std::string name = Submit(request);
    while (trained_rows_ < rows - 128) std::this_thread::yield();
    EXPECT_TRUE(runner_->Stop(absl::InfiniteDuration()).ok());
    runner_.reset();
    source_.StallAfter(-1);
    StartRunner();
    Job job = WaitUntilFinal(name);
    EXPECT_EQ(job.resume_count(), 1);
    runner_.reset();
    return job;
  }

  // The same in a process that ends without a word; what it left behind is moved to `directory`.
  // Call it before this process has started any thread: a child has only the one that forked it.
  template <typename Message>
  void CrashAfter(const Message& request, int64_t rows, const std::filesystem::path& directory) {
    std::filesystem::remove_all(directory_);
    std::filesystem::remove_all(directory);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      exit_after_ = rows - 128;
      StartRunner();
      Submit(request);
      while (true) pause();
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    std::filesystem::rename(directory_, directory);
  }
  Job ResumeCrashed(const std::filesystem::path& directory) {
    std::filesystem::remove_all(directory_);
    std::filesystem::rename(directory, directory_);
    trained_rows_ = 0;
    StartRunner();
    Job job = WaitUntilFinal(runner_->List({})->jobs(0).name());
    EXPECT_EQ(job.resume_count(), 1);
    runner_.reset();
    return job;
  }

  static const char* KindOf(const v1::TrainSaeRequest&) { return kTrainSaeKind; }
  static const char* KindOf(const v1::TrainSaesRequest&) { return kTrainSaesKind; }

  MemorySource source_;
  MemoryPublisher publisher_;
  int64_t cache_bytes_ = 0;
  std::atomic<int64_t> trained_rows_ = 0;
  int64_t exit_after_ = -1;  // rows trained on; the process ends without a word
  const std::filesystem::path directory_;
  std::unique_ptr<JobRunner> runner_;
};

}  // namespace recsae::trainer

#endif  // RECSAE_TESTS_UNIT_TRAINER_TRAIN_JOB_FIXTURE_H_
