// What is not taken, and what is not kept.
#include <gmock/gmock.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/status.h"
#include "tests/unit/common/jobs/job_fixture.h"

namespace recsae {
namespace {

using google::protobuf::Any;
using jobs::v1::Job;
using ::testing::HasSubstr;

class JobLimitsTest : public JobFixture {
 protected:
  absl::Status Refusal(const google::protobuf::Message& spec) {
    Any any;
    any.PackFrom(spec);
    return runner_->Submit("echo", {}, any, "").status();
  }
  static void AddUnknown(google::protobuf::Message& message, int number) {
    message.GetReflection()->MutableUnknownFields(&message)->AddVarint(number, 1);
  }
  bool IsKept(const std::string& name) {
    const absl::Status found = runner_->Get(name).status();
    EXPECT_TRUE(found.ok() || Reason(found) == "JOB_NOT_FOUND") << found;
    return found.ok();
  }
};

TEST_F(JobLimitsTest, UnknownFieldsAreRefusedByPathAndNumber) {
  jobs::v1::ListJobsResponse spec;
  spec.add_jobs();
  spec.add_jobs()->mutable_progress()->set_done(1);
  EXPECT_TRUE(Refusal(spec).ok());
  AddUnknown(spec, 99);
  AddUnknown(*spec.mutable_jobs(1)->mutable_progress(), 77);
  const absl::Status refused = Refusal(spec);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  const std::vector<FieldViolation> violations = Violations(refused);
  ASSERT_EQ(violations.size(), 2u);
  EXPECT_EQ(violations[0].first, "#99");
  EXPECT_EQ(violations[1].first, "jobs[1].progress.#77");
  EXPECT_THAT(violations[1].second, HasSubstr("recsae.jobs.v1.Progress"));

  for (int number = 100; number < 1000; ++number) AddUnknown(spec, number);
  EXPECT_EQ(Violations(Refusal(spec)).size(), 20u);
  EXPECT_EQ(runner_->List({})->jobs_size(), 1);
}

TEST_F(JobLimitsTest, LargeAndUnreadableSpecsAreRefused) {
  Submit("echo", std::string(60 << 10, 'x'));
  const absl::Status large =
      runner_->Submit("echo", {}, Pack(std::string(64 << 10, 'x')), "").status();
  EXPECT_EQ(large.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(large), "JOB_SPEC_TOO_LARGE");
  Any broken = Pack("x");
  broken.set_value("\xff");
  EXPECT_EQ(Reason(runner_->Submit("echo", {}, broken, "").status()), "JOB_SPEC_INVALID");
}

TEST_F(JobLimitsTest, UnfinishedJobsAreBounded) {
  options_.max_unfinished = 2;
  Open();
  Start();
  const std::string first = Submit("wait", "", "saes/x");
  Submit("wait");
  const absl::Status full = runner_->Submit("echo", {}, Any(), "").status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(full), "JOB_QUEUE_FULL");
  // What is more to the point is said first.
  EXPECT_EQ(Reason(runner_->Submit("echo", {"saes/x"}, Any(), "").status()), "JOB_ACTIVE");
  ASSERT_TRUE(runner_->Cancel(first).ok());
  WaitFor(first, Job::STATE_CANCELLED);
  Submit("echo");
}

TEST_F(JobLimitsTest, OnlyTheLastEndedJobsAreKept) {
  options_.keep_ended = 2;
  Open();
  Start();
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    names.push_back(Submit("echo"));
    WaitFor(names.back(), Job::STATE_SUCCEEDED);
  }
  ASSERT_TRUE(runner_->Stop(absl::Seconds(20)).ok());
  for (const bool reopened : {false, true}) {
    if (reopened) Open();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(IsKept(names[i]), i >= 3) << i;
  }
  // Fewer than before, by another configuration.
  options_.keep_ended = 1;
  Open();
  Start();
  EXPECT_FALSE(IsKept(names[3]));
  EXPECT_TRUE(IsKept(names[4]));
}

TEST_F(JobLimitsTest, EndedJobsAreKeptForATimeAndOthersForAsLongAsTheyTake) {
  Start();
  const std::string done = Submit("echo");
  WaitFor(done, Job::STATE_SUCCEEDED);
  const std::string waiting = Submit("wait");
  options_.keep_ended_for = -absl::Seconds(10);  // All that has ended is too old.
  Open();
  EXPECT_TRUE(IsKept(done));
  Start();
  EXPECT_FALSE(IsKept(done));
  EXPECT_TRUE(IsKept(waiting));
}

TEST_F(JobLimitsTest, AWatchOfAForgottenJobEnds) {
  Start();
  const std::string name = Submit("echo");
  WaitFor(name, Job::STATE_SUCCEEDED);
  Job job;
  const uint64_t seen = *runner_->Watch(name, 0, absl::ZeroDuration(), &job);
  ASSERT_TRUE(runner_->Delete(name).ok());
  EXPECT_EQ(Reason(runner_->Watch(name, seen, absl::Hours(1), &job).status()), "JOB_NOT_FOUND");
}

}  // namespace
}  // namespace recsae
