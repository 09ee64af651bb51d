#include "clients/cli/jobs/follow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "clients/cli/session/interrupt.h"
#include "common/base/status.h"
#include "recsae/jobs/v1/jobs.pb.h"
#include "tests/unit/cli/jobs_server.h"

namespace recsae::cli {
namespace {

using testing::HasSubstr;

absl::StatusOr<jobs::v1::Job> Follow(JobsServer& server, const jobs::v1::Job& job,
                                     bool detach = false) {
  Session session(server.options());
  return FollowJob(session, session.probe_jobs(), job, "working", detach);
}

absl::Status UntilCancelled(JobContext& job) {
  while (job.Interrupted().ok()) (void)job.Sleep(absl::Milliseconds(10));
  return job.Interrupted();
}

TEST(FollowJobTest, ReturnsTheResult) {
  JobsServer server([](JobContext& job) {
    for (int i = 0; i < 5; ++i) job.SetProgress("counting", i, 5, "steps");
    return absl::OkStatus();
  });
  const auto done = Follow(server, server.Submit().value());
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(UnpackResult<google::protobuf::Int64Value>(*done)->value(), 42);
  const auto other = UnpackResult<google::protobuf::StringValue>(*done);
  EXPECT_EQ(Reason(other.status()), "RESULT_UNEXPECTED");
}

TEST(FollowJobTest, AJobThatFailedGivesItsError) {
  JobsServer server([](JobContext&) {
    return Error(absl::StatusCode::kNotFound, "CAPTURE_NOT_FOUND", "there is no such capture");
  });
  const jobs::v1::Job job = server.Submit().value();
  const auto done = Follow(server, job);
  EXPECT_TRUE(absl::IsNotFound(done.status())) << done.status();
  EXPECT_EQ(Reason(done.status()), "CAPTURE_NOT_FOUND");
  EXPECT_THAT(std::string(done.status().message()), HasSubstr(job.name()));
}

TEST(FollowJobTest, AJobThatSomebodyCancelledIsCancelled) {
  JobsServer server(UntilCancelled);
  const jobs::v1::Job job = server.Submit().value();
  std::thread other([&] { EXPECT_TRUE(server.runner().Cancel(job.name()).ok()); });
  const auto done = Follow(server, job);
  other.join();
  EXPECT_EQ(Reason(done.status()), "JOB_CANCELLED");
}

TEST(FollowJobTest, AnUnknownJobIsNotFound) {
  JobsServer server(UntilCancelled);
  jobs::v1::Job job;
  job.set_name("jobs/nowhere");
  EXPECT_EQ(Reason(Follow(server, job).status()), "JOB_NOT_FOUND");
}

TEST(FollowJobTest, GoesOnAfterTheConnectionBroke) {
  std::atomic<bool> running = false;
  std::atomic<bool> finish = false;
  JobsServer server([&](JobContext& job) {
    running = true;
    while (!finish && job.Interrupted().ok()) (void)job.Sleep(absl::Milliseconds(5));
    return absl::OkStatus();
  });
  const jobs::v1::Job job = server.Submit().value();
  absl::StatusOr<jobs::v1::Job> done = absl::UnknownError("not followed");
  std::thread follower([&] { done = Follow(server, job); });
  while (!running) std::this_thread::yield();
  server.StopServing();
  finish = true;
  server.Serve();
  follower.join();
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->state(), jobs::v1::Job::STATE_SUCCEEDED);
}

// These signals end programs, so each of these runs in a process of its own ("threadsafe": one that
// starts from the beginning, without threads).
class InterruptDeathTest : public testing::Test {
 protected:
  InterruptDeathTest() { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

// Follows a job that never ends, sends the signal once it is watched, and ends the process with
// status 0 if the following ended for `reason` with the job in `state`.
[[noreturn]] void FollowAndInterrupt(int number, bool detach, const std::string& reason,
                                     jobs::v1::Job::State state) {
  ListenForInterrupts();
  bool good = false;
  {
    JobsServer server([](JobContext& job) {
      job.SetProgress("running", 0, 0, "steps");
      return UntilCancelled(job);
    });
    const jobs::v1::Job job = server.Submit().value();
    std::thread user([&] {
      while (server.watches() == 0 ||
             server.runner().Get(job.name())->state() != jobs::v1::Job::STATE_RUNNING) {
        std::this_thread::yield();
      }
      kill(getpid(), number);
      kill(getpid(), number);  // as `timeout` does: one with the first
    });
    const absl::Status status = Follow(server, job, detach).status();
    user.join();
    good = InterruptedExit() == 128 + number && Reason(status) == reason &&
           server.runner().Get(job.name())->state() == state;
    if (!good) std::cerr << status << "\n" << server.runner().Get(job.name())->DebugString();
    (void)server.runner().Cancel(job.name());
  }
  std::exit(good ? 0 : 1);
}

TEST_F(InterruptDeathTest, CancelsTheJob) {
  for (const int number : {SIGINT, SIGTERM}) {
    EXPECT_EXIT(FollowAndInterrupt(number, false, "JOB_CANCELLED", jobs::v1::Job::STATE_CANCELLED),
                testing::ExitedWithCode(0), "");
  }
}

TEST_F(InterruptDeathTest, LeavesADetachedJobRunning) {
  for (const int number : {SIGINT, SIGTERM}) {
    EXPECT_EXIT(FollowAndInterrupt(number, true, "DETACHED", jobs::v1::Job::STATE_RUNNING),
                testing::ExitedWithCode(0), "");
  }
}

[[noreturn]] void Interrupt(int number) {
  ListenForInterrupts();
  kill(getpid(), number);
  while (true) pause();
}

TEST_F(InterruptDeathTest, EndsAProgramThatDoesNotWaitForAJob) {
  EXPECT_EXIT(Interrupt(SIGINT), testing::ExitedWithCode(130), "");
  EXPECT_EXIT(Interrupt(SIGTERM), testing::ExitedWithCode(143), "");
}

}  // namespace
}  // namespace recsae::cli
