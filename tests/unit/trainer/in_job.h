// Work that needs the context of a job.
#ifndef RECSAE_TESTS_UNIT_TRAINER_IN_JOB_H_
#define RECSAE_TESTS_UNIT_TRAINER_IN_JOB_H_

#include <google/protobuf/any.pb.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "common/jobs/job_runner.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae::trainer {

// Does the work inside of a job, whose context cannot be had otherwise.
inline void InJob(const std::function<void(JobContext&)>& work) {
  const std::filesystem::path directory =
      std::filesystem::path(::testing::TempDir()) /
      (std::string("in_job_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::remove_all(directory);
  JobRunnerOptions options;
  options.service = "trainer";
  const std::unique_ptr<JobRunner> runner = *JobRunner::Open(directory.string(), options);
  runner->Register("test", [&](JobContext& job) {
    work(job);
    return google::protobuf::Any();
  });
  ASSERT_TRUE(runner->Start().ok());
  jobs::v1::Job job = *runner->Submit("test", {}, {}, "");
  uint64_t seen = 0;
  while (!job.has_end_time()) seen = *runner->Watch(job.name(), seen, absl::Seconds(1), &job);
}

}  // namespace recsae::trainer

#endif  // RECSAE_TESTS_UNIT_TRAINER_IN_JOB_H_
