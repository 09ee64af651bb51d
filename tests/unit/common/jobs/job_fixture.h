// A JobRunner on a directory of its own, and the handlers that its tests share.
#ifndef RECSAE_TESTS_UNIT_COMMON_JOBS_JOB_FIXTURE_H_
#define RECSAE_TESTS_UNIT_COMMON_JOBS_JOB_FIXTURE_H_

#include <google/protobuf/any.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/jobs/job_runner.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae {

inline google::protobuf::Any Pack(const std::string& text) {
  google::protobuf::StringValue value;
  value.set_value(text);
  google::protobuf::Any any;
  any.PackFrom(value);
  return any;
}

inline std::string Unpack(const google::protobuf::Any& any) {
  google::protobuf::StringValue value;
  return any.UnpackTo(&value) ? value.value() : "not a StringValue";
}

class JobFixture : public ::testing::Test {
 protected:
  // A test that forks opens the records afterwards: RocksDB's threads do not come along.
  explicit JobFixture(bool open = true)
      : path_(absl::StrCat(::testing::TempDir(), "jobs-", getpid(), "-",
                           ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(path_);
    options_.service = "test";
    if (open) Open();
  }
  ~JobFixture() override {
    runner_.reset();
    std::filesystem::remove_all(path_);
  }

  // Opens the records again, as a new process would, with these handlers: "echo" returns its spec,
  // "fail" fails, "wait" runs until it is interrupted.
  void Open() {
    runner_.reset();
    runner_ = JobRunner::Open(path_, options_).value();
    runner_->Register("echo", [](JobContext& context) { return context.spec(); });
    runner_->Register("wait", [](JobContext& context) -> absl::StatusOr<google::protobuf::Any> {
      while (true) {
        if (absl::Status status = context.Sleep(absl::Hours(1)); !status.ok()) return status;
      }
    });
  }
  void Start() { ASSERT_TRUE(runner_->Start().ok()); }

  std::string Submit(const std::string& kind, const std::string& spec = "",
                     const std::string& target = "") {
    const std::vector<std::string> targets(target.empty() ? 0 : 1, target);
    const auto job = runner_->Submit(kind, targets, Pack(spec), "");
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->name() : "";
  }

  // The job as soon as it is in this state; fails the test if it ends in another.
  jobs::v1::Job WaitFor(const std::string& name, jobs::v1::Job::State state) {
    uint64_t seen = 0;
    jobs::v1::Job job;
    while (true) {
      const auto revision = runner_->Watch(name, seen, absl::Seconds(20), &job);
      if (!revision.ok() || *revision == seen) {
        ADD_FAILURE() << name << " stays in " << job.ShortDebugString() << " " << revision.status();
        return job;
      }
      seen = *revision;
      if (job.state() == state) return job;
      if (job.has_end_time()) {
        ADD_FAILURE() << name << " ended as " << job.ShortDebugString();
        return job;
      }
    }
  }

  const std::string path_;
  JobRunnerOptions options_;
  std::unique_ptr<JobRunner> runner_;
};

}  // namespace recsae

#endif  // RECSAE_TESTS_UNIT_COMMON_JOBS_JOB_FIXTURE_H_
