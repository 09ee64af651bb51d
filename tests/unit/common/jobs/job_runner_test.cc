#include "common/jobs/job_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <future>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/metrics.h"
#include "tests/unit/common/jobs/job_fixture.h"

namespace recsae {
namespace {

using google::protobuf::Any;
using jobs::v1::Job;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

class JobRunnerTest : public JobFixture {
 protected:
  std::vector<std::string> List(jobs::v1::ListJobsRequest request) {
    std::vector<std::string> names;
    do {
      const auto page = runner_->List(request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      for (const Job& job : page->jobs()) names.push_back(job.name());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return names;
  }
};

TEST_F(JobRunnerTest, RunsAJobAndKeepsItsRecord) {
  Start();
  const auto submitted = runner_->Submit("echo", {"saes/x"}, Pack("hello"), "");
  ASSERT_TRUE(submitted.ok()) << submitted.status();
  const std::string name = submitted->name();
  EXPECT_THAT(name, MatchesRegex("jobs/echo-[0-9a-z]{26}"));
  EXPECT_EQ(submitted->state(), Job::STATE_PENDING);
  EXPECT_TRUE(submitted->has_create_time());

  const Job job = WaitFor(name, Job::STATE_SUCCEEDED);
  EXPECT_EQ(job.kind(), "echo");
  EXPECT_EQ(job.target(), "saes/x");
  EXPECT_EQ(Unpack(job.spec()), "hello");
  EXPECT_EQ(Unpack(job.result()), "hello");
  EXPECT_FALSE(job.has_error());
  EXPECT_TRUE(job.has_start_time());
  EXPECT_TRUE(job.has_end_time());

  Open();
  EXPECT_EQ(runner_->Get(name)->SerializeAsString(), job.SerializeAsString());
  Start();
  EXPECT_EQ(runner_->Get(name)->resume_count(), 0);
}

TEST_F(JobRunnerTest, JobsRunInOrderOneAtATime) {
  std::vector<std::string> order;  // No lock: one worker.
  runner_->Register("note", [&](JobContext& context) {
    order.push_back(Unpack(context.spec()));
    return context.spec();
  });
  std::string last;
  for (const char* text : {"a", "b", "c"}) last = Submit("note", text);
  Start();
  WaitFor(last, Job::STATE_SUCCEEDED);
  EXPECT_THAT(order, ElementsAre("a", "b", "c"));
}

TEST_F(JobRunnerTest, SeveralWorkersRunSeveralJobs) {
  options_.workers = 2;
  Open();
  Start();
  const std::string first = Submit("wait");
  const std::string second = Submit("wait");
  WaitFor(first, Job::STATE_RUNNING);
  WaitFor(second, Job::STATE_RUNNING);
}

TEST_F(JobRunnerTest, FailureIsReportedWithItsReason) {
  runner_->Register("fail", [](JobContext&) -> absl::StatusOr<Any> {
    return Error(absl::StatusCode::kUnavailable, "PEER_DOWN", "probe at 1.2.3.4:5 is down",
                 {{"peer", "probe"}});
  });
  Start();
  const Job job = WaitFor(Submit("fail"), Job::STATE_FAILED);
  const absl::Status error = FromRpcStatus(job.error());
  EXPECT_EQ(error.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(error), "PEER_DOWN");
  EXPECT_EQ(error.message(), "probe at 1.2.3.4:5 is down");
  EXPECT_FALSE(job.has_result());
  EXPECT_EQ(WaitFor(Submit("echo"), Job::STATE_SUCCEEDED).kind(), "echo");
}

TEST_F(JobRunnerTest, AnExceptionFailsTheJobOnly) {
  runner_->Register("throw", [](JobContext&) -> absl::StatusOr<Any> {
    throw std::runtime_error("tensor on the wrong device");
  });
  runner_->Register("throw-int", [](JobContext&) -> absl::StatusOr<Any> { throw 7; });
  Start();
  const absl::Status error = FromRpcStatus(WaitFor(Submit("throw"), Job::STATE_FAILED).error());
  EXPECT_EQ(error.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Reason(error), "JOB_EXCEPTION");
  EXPECT_THAT(std::string(error.message()), HasSubstr("tensor on the wrong device"));
  WaitFor(Submit("throw-int"), Job::STATE_FAILED);
  runner_->Register("greedy", [](JobContext&) -> absl::StatusOr<Any> { throw std::bad_alloc(); });
  const absl::Status greedy = FromRpcStatus(WaitFor(Submit("greedy"), Job::STATE_FAILED).error());
  EXPECT_EQ(greedy.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(greedy), "OUT_OF_MEMORY");
  WaitFor(Submit("echo"), Job::STATE_SUCCEEDED);
}

TEST_F(JobRunnerTest, UnknownKindIsRefused) {
  EXPECT_EQ(Reason(runner_->Submit("dance", {}, Any(), "").status()), "JOB_KIND_UNKNOWN");
}

TEST_F(JobRunnerTest, OneActiveJobForATarget) {
  Start();
  const std::string first = Submit("wait", "", "saes/x");
  const auto second = runner_->Submit("echo", {"saes/x"}, Any(), "");
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Reason(second.status()), "JOB_ACTIVE");
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(first));
  Submit("echo", "", "saes/y");
  Submit("wait", "", "");
  Submit("wait", "", "");
  ASSERT_TRUE(runner_->Cancel(first).ok());
  WaitFor(first, Job::STATE_CANCELLED);
  Submit("echo", "", "saes/x");
}

TEST_F(JobRunnerTest, AJobReservesAllItsTargets) {
  Start();
  const auto sweep = runner_->Submit("wait", {"saes/a", "saes/b", "saes/c"}, Any(), "");
  ASSERT_TRUE(sweep.ok()) << sweep.status();
  EXPECT_EQ(sweep->target(), "saes/a");
  EXPECT_THAT(sweep->further_targets(), ElementsAre("saes/b", "saes/c"));
  for (const bool restarted : {false, true}) {
    if (restarted) {
      Open();
      Start();
    }
    for (const char* taken : {"saes/a", "saes/b", "saes/c"}) {
      const absl::Status refused = runner_->Submit("echo", {"saes/z", taken}, Any(), "").status();
      EXPECT_EQ(Reason(refused), "JOB_ACTIVE");
      EXPECT_THAT(std::string(refused.message()), HasSubstr(taken));
      EXPECT_THAT(Metadata(refused), ElementsAre(std::pair("job", sweep->name()),
                                                 std::pair("target", std::string(taken))));
    }
  }
  ASSERT_TRUE(runner_->Cancel(sweep->name()).ok());
  WaitFor(sweep->name(), Job::STATE_CANCELLED);
  Submit("echo", "", "saes/b");
}

TEST_F(JobRunnerTest, AJobGoesByTheSpecThatItsCheckFilledIn) {
  const auto handler = [](JobContext& context) -> absl::StatusOr<Any> {
    if (context.resumes() == 0) return context.Sleep(absl::Hours(1));
    return context.spec();
  };
  runner_->Register("resolve", handler);
  Start();
  const auto fill_in = [](Any& resolved) {
    resolved = Pack("k=8");
    return absl::OkStatus();
  };
  const auto submitted = runner_->Submit("resolve", {}, Pack(""), "id", fill_in);
  ASSERT_TRUE(submitted.ok()) << submitted.status();
  EXPECT_EQ(Unpack(submitted->spec()), "");
  EXPECT_EQ(Unpack(submitted->resolved_spec()), "k=8");
  // With other defaults by now.
  const auto other = [](Any& resolved) {
    resolved = Pack("k=16");
    return absl::OkStatus();
  };
  EXPECT_EQ(runner_->Submit("resolve", {}, Pack(""), "id", other)->SerializeAsString(),
            submitted->SerializeAsString());
  WaitFor(submitted->name(), Job::STATE_RUNNING);
  Open();
  runner_->Register("resolve", handler);
  Start();
  EXPECT_EQ(Unpack(WaitFor(submitted->name(), Job::STATE_SUCCEEDED).result()), "k=8");
}

TEST_F(JobRunnerTest, ReplayedSubmitIsOneJob) {
  Start();
  const auto first = runner_->Submit("wait", {"saes/x"}, Pack("1"), "id-1");
  const auto again = runner_->Submit("wait", {"saes/x"}, Pack("1"), "id-1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(Reason(runner_->Submit("wait", {"saes/x"}, Pack("2"), "id-1").status()),
            "REQUEST_ID_REUSED");
  EXPECT_THAT(List({}), SizeIs(1));
  Open();
  EXPECT_EQ(runner_->Submit("wait", {"saes/x"}, Pack("1"), "id-1")->name(), first->name());
}

TEST_F(JobRunnerTest, CancelOfAPendingJobIsImmediate) {
  std::atomic<int> calls = 0;
  runner_->Register("count", [&](JobContext& context) {
    ++calls;
    return context.spec();
  });
  const std::string name = Submit("count");
  const auto cancelled = runner_->Cancel(name);
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_EQ(cancelled->state(), Job::STATE_CANCELLED);
  EXPECT_TRUE(cancelled->has_end_time());
  Start();
  WaitFor(Submit("count"), Job::STATE_SUCCEEDED);
  EXPECT_EQ(calls, 1);
}

TEST_F(JobRunnerTest, CancelReachesARunningHandler) {
  Start();
  const std::string name = Submit("wait");
  WaitFor(name, Job::STATE_RUNNING);
  ASSERT_TRUE(runner_->Cancel(name).ok());
  const Job job = WaitFor(name, Job::STATE_CANCELLED);
  EXPECT_FALSE(job.has_error());
  // On a finished job: no effect.
  EXPECT_EQ(runner_->Cancel(name)->state(), Job::STATE_CANCELLED);
}

TEST_F(JobRunnerTest, CancelRunsTheCallbacksThatAreLeft) {
  std::promise<void> called;
  std::atomic<int> dropped_calls = 0;
  std::atomic<bool> late_called = false;
  runner_->Register("block", [&](JobContext& context) -> absl::StatusOr<Any> {
    {
      const auto dropped = context.OnCancel([&] { ++dropped_calls; });
    }
    const auto callback = context.OnCancel([&] {
      // May look at the job.
      EXPECT_TRUE(context.cancelled());
      context.SetMetric("cancelled", 1);
      called.set_value();
    });
    called.get_future().wait();
    const auto late = context.OnCancel([&] { late_called = true; });
    EXPECT_FALSE(context.stopping());
    EXPECT_EQ(Reason(context.Interrupted()), "JOB_CANCELLED");
    return absl::UnknownError("the call was cancelled");
  });
  Start();
  const std::string name = Submit("block");
  WaitFor(name, Job::STATE_RUNNING);
  ASSERT_TRUE(runner_->Cancel(name).ok());
  EXPECT_EQ(WaitFor(name, Job::STATE_CANCELLED).metrics().at("cancelled"), 1);
  EXPECT_EQ(dropped_calls, 0);
  EXPECT_TRUE(late_called);
}

TEST_F(JobRunnerTest, WhatFinishedDespiteACancelIsReportedAsDone) {
  runner_->Register("stubborn", [](JobContext& context) {
    while (!context.cancelled()) std::this_thread::yield();
    return context.spec();
  });
  Start();
  const std::string name = Submit("stubborn");
  WaitFor(name, Job::STATE_RUNNING);
  ASSERT_TRUE(runner_->Cancel(name).ok());
  WaitFor(name, Job::STATE_SUCCEEDED);
}

TEST_F(JobRunnerTest, ProgressReachesWatchersAndTheStore) {
  options_.persist_interval = absl::ZeroDuration();
  Open();
  runner_->Register("report", [](JobContext& context) -> absl::StatusOr<Any> {
    for (int i = 1; i <= 1000; ++i) {
      context.SetProgress("epoch 1 of 1", i, 1000, "rows");
      context.SetMetric("fvu", 1.0 / i);
    }
    return context.Sleep(absl::Hours(1));
  });
  Start();
  const std::string name = Submit("report");
  uint64_t seen = 0;
  int revisions = 0;
  Job job;
  // The last report arrives although the handler says nothing more.
  while (job.progress().done() < 1000 || job.metrics().count("fvu") == 0) {
    const auto revision = runner_->Watch(name, seen, absl::Seconds(20), &job);
    ASSERT_TRUE(revision.ok()) << revision.status();
    ASSERT_NE(*revision, seen);
    seen = *revision;
    ++revisions;
  }
  EXPECT_LT(revisions, 500);  // Limited in rate.
  EXPECT_EQ(job.progress().stage(), "epoch 1 of 1");
  EXPECT_EQ(job.progress().total(), 1000);
  EXPECT_EQ(job.progress().unit(), "rows");
  ASSERT_TRUE(runner_->Stop(absl::Seconds(20)).ok());
  Open();
  EXPECT_EQ(runner_->Get(name)->progress().done(), 1000);
  EXPECT_EQ(runner_->Get(name)->metrics().at("fvu"), 0.001);
}

TEST_F(JobRunnerTest, WatchWithoutNewsReturnsTheSameRevision) {
  const std::string name = Submit("wait");
  Job job;
  const uint64_t revision = *runner_->Watch(name, 0, absl::ZeroDuration(), &job);
  EXPECT_EQ(job.state(), Job::STATE_PENDING);
  EXPECT_EQ(*runner_->Watch(name, revision, absl::Milliseconds(1), &job), revision);
}

TEST_F(JobRunnerTest, StopPausesAJobAndTheNextStartResumesIt) {
  Start();
  const std::string name = Submit("wait");
  WaitFor(name, Job::STATE_RUNNING);
  ASSERT_TRUE(runner_->Stop(absl::Seconds(20)).ok());
  EXPECT_EQ(runner_->Get(name)->state(), Job::STATE_RUNNING);
  EXPECT_EQ(Reason(runner_->Submit("echo", {}, Any(), "").status()), "SERVER_DRAINING");
  Job job;
  const auto seen = runner_->Watch(name, 0, absl::ZeroDuration(), &job);
  ASSERT_TRUE(seen.ok());
  const auto ended = runner_->Watch(name, *seen, absl::Hours(1), &job);
  EXPECT_EQ(ended.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(ended.status()), "SERVER_DRAINING");

  for (int resumes = 1; resumes <= 8; ++resumes) {  // More often than crashes are put up with.
    Open();
    EXPECT_EQ(runner_->Get(name)->state(), Job::STATE_RUNNING);
    Start();
    EXPECT_EQ(WaitFor(name, Job::STATE_RUNNING).resume_count(), resumes);
    ASSERT_TRUE(runner_->Stop(absl::Seconds(20)).ok());
  }
}

TEST_F(JobRunnerTest, StopTellsIfAHandlerDoesNotReturn) {
  std::promise<void> release;
  runner_->Register("stuck", [&](JobContext& context) {
    release.get_future().wait();
    EXPECT_TRUE(context.stopping());
    EXPECT_FALSE(context.cancelled());
    EXPECT_EQ(Reason(context.Interrupted()), "JOB_STOPPED");
    return context.spec();
  });
  Start();
  const std::string name = Submit("stuck");
  WaitFor(name, Job::STATE_RUNNING);
  const absl::Status status = runner_->Stop(absl::Milliseconds(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  release.set_value();
  EXPECT_TRUE(runner_->Stop(absl::Seconds(20)).ok());
  EXPECT_EQ(runner_->Get(name)->state(), Job::STATE_SUCCEEDED);
}

TEST_F(JobRunnerTest, PendingJobsSurviveAReopening) {
  const std::string name = Submit("echo", "hello");
  Open();
  Start();
  const Job job = WaitFor(name, Job::STATE_SUCCEEDED);
  EXPECT_EQ(Unpack(job.result()), "hello");
  EXPECT_EQ(job.resume_count(), 0);
}

TEST_F(JobRunnerTest, StoredJobOfAnUnknownKindFails) {
  runner_->Register("old", [](JobContext& context) { return context.spec(); });
  const std::string name = Submit("old");
  Open();
  Start();
  EXPECT_EQ(Reason(FromRpcStatus(runner_->Get(name)->error())), "JOB_KIND_UNKNOWN");
}

TEST_F(JobRunnerTest, CheckpointIsWholeAndDurable) {
  std::string big(3'500'000, '\0');
  for (size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 2654435761u >> 13);
  const auto handler = [big](JobContext& context) -> absl::StatusOr<Any> {
    const auto found = context.LoadCheckpoint();
    if (context.resumes() == 0) {
      EXPECT_EQ(Reason(found.status()), "CHECKPOINT_NOT_FOUND");
      EXPECT_TRUE(context.SaveCheckpoint(big + "longer").ok());
      EXPECT_TRUE(context.SaveCheckpoint("").ok());
      EXPECT_EQ(*context.LoadCheckpoint(), "");
      EXPECT_TRUE(context.SaveCheckpoint(big).ok());
      EXPECT_EQ(*context.LoadCheckpoint(), big);
      return context.Sleep(absl::Hours(1));
    }
    return Pack(found.ok() && *found == big ? "the same" : "another");
  };
  runner_->Register("train", handler);
  Start();
  const std::string name = Submit("train");
  // Sleep returns at once if the stop comes first: what counts is that the handler has saved.
  WaitFor(name, Job::STATE_RUNNING);
  ASSERT_TRUE(runner_->Stop(absl::Seconds(60)).ok());
  Open();
  runner_->Register("train", handler);
  Start();
  EXPECT_EQ(Unpack(WaitFor(name, Job::STATE_SUCCEEDED).result()), "the same");
}

TEST_F(JobRunnerTest, CheckpointsOfJobsAreApartAndEndWithThem) {
  runner_->Register("save", [](JobContext& context) -> absl::StatusOr<Any> {
    EXPECT_EQ(Reason(context.LoadCheckpoint().status()), "CHECKPOINT_NOT_FOUND");
    EXPECT_TRUE(context.SaveCheckpoint(context.name()).ok());
    EXPECT_EQ(*context.LoadCheckpoint(), context.name());
    return context.spec();
  });
  Start();
  for (int i = 0; i < 3; ++i) WaitFor(Submit("save"), Job::STATE_SUCCEEDED);
}

TEST_F(JobRunnerTest, ListIsNewestFirstInPagesAndFiltered) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) made.push_back(Submit(i % 2 == 0 ? "echo" : "wait"));
  ASSERT_TRUE(runner_->Cancel(made[2]).ok());
  jobs::v1::ListJobsRequest request;
  request.set_page_size(2);
  EXPECT_THAT(List(request), ElementsAre(made[4], made[3], made[2], made[1], made[0]));
  request.set_kind("echo");
  EXPECT_THAT(List(request), ElementsAre(made[4], made[2], made[0]));
  request.set_state(Job::STATE_CANCELLED);
  EXPECT_THAT(List(request), ElementsAre(made[2]));

  request.clear_state();
  const std::string token = runner_->List(request)->next_page_token();
  EXPECT_NE(token, "");
  request.set_kind("wait");
  request.set_page_token(token);
  EXPECT_EQ(Reason(runner_->List(request).status()), "PAGE_TOKEN_INVALID");
  request.clear_page_token();
  request.set_page_size(-1);
  EXPECT_EQ(runner_->List(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(JobRunnerTest, ListPagesStayBelowTheLargestMessage) {
  options_.max_spec_bytes = size_t{1} << 20;
  Open();
  for (int i = 0; i < 5; ++i) Submit("echo", std::string(900'000, 'x'));
  jobs::v1::ListJobsRequest request;
  EXPECT_LT(runner_->List(request)->ByteSizeLong(), 4u << 20);
  EXPECT_THAT(List(request), SizeIs(5));
}

TEST_F(JobRunnerTest, DeleteTakesFinishedJobsOnly) {
  Start();
  const std::string done = Submit("echo");
  WaitFor(done, Job::STATE_SUCCEEDED);
  const std::string running = Submit("wait");
  const absl::Status refused = runner_->Delete(running);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(refused), "JOB_NOT_FINISHED");
  ASSERT_TRUE(runner_->Cancel(running).ok());
  WaitFor(running, Job::STATE_CANCELLED);
  ASSERT_TRUE(runner_->Delete(done).ok());
  ASSERT_TRUE(runner_->Delete(running).ok());
  EXPECT_EQ(Reason(runner_->Delete(done)), "JOB_NOT_FOUND");
  Open();
  EXPECT_THAT(List({}), SizeIs(0));
}

// Two replicas, and one whose folder was lost.
TEST_F(JobRunnerTest, NoTwoServersNameTwoJobsAlike) {
  std::set<std::string> names = {Submit("echo")};
  {
    const auto replica = JobRunner::Open(path_ + "-replica", options_).value();
    replica->Register("echo", [](JobContext& context) { return context.spec(); });
    names.insert(replica->Submit("echo", {}, Any(), "")->name());
  }
  std::filesystem::remove_all(path_ + "-replica");
  runner_.reset();
  std::filesystem::remove_all(path_);
  Open();
  names.insert(Submit("echo"));
  EXPECT_THAT(names, SizeIs(3));
}

TEST_F(JobRunnerTest, NamesAreChecked) {
  Job job;
  for (const auto& [name, code] :
       {std::pair<std::string, absl::StatusCode>{"jobs/none-1", absl::StatusCode::kNotFound},
        {"", absl::StatusCode::kInvalidArgument},
        {"saes/x", absl::StatusCode::kInvalidArgument}}) {
    EXPECT_EQ(runner_->Get(name).status().code(), code);
    EXPECT_EQ(runner_->Cancel(name).status().code(), code);
    EXPECT_EQ(runner_->Delete(name).code(), code);
    EXPECT_EQ(runner_->Watch(name, 0, absl::Hours(1), &job).status().code(), code);
  }
}

TEST_F(JobRunnerTest, UnfinishedJobsAreCountedByKind) {
  runner_.reset();
  options_.workers = 1;
  Open();
  Start();
  const std::string first = Submit("wait"), second = Submit("wait"), third = Submit("echo");
  WaitFor(first, Job::STATE_RUNNING);
  auto counts = runner_->Unfinished();
  EXPECT_EQ(counts.at("wait").running, 1);
  EXPECT_EQ(counts.at("wait").pending, 1);
  EXPECT_EQ(counts.at("echo").pending, 1);
  for (const std::string& job : {first, second}) ASSERT_TRUE(runner_->Cancel(job).ok());
  WaitFor(third, Job::STATE_SUCCEEDED);
  counts = runner_->Unfinished();
  EXPECT_EQ(counts.at("wait").running + counts.at("wait").pending, 0);
  EXPECT_EQ(counts.at("echo").running + counts.at("echo").pending, 0);
}

// A process that dies in the middle of a job. `die` is called by its handler.
class JobCrashTest : public JobFixture {
 protected:
  JobCrashTest() : JobFixture(/*open=*/false) {}

  // Runs the job "crash" (submitted at the first call) in a process that ends without a word.
  void RunUntilItDies(bool checkpoint, bool cancel = false) {
    const pid_t child = fork();
    if (child == 0) {
      Open();
      std::promise<void> cancelled;
      runner_->Register("crash", [&](JobContext& context) -> absl::StatusOr<Any> {
        if (cancel) cancelled.get_future().wait();
        if (checkpoint && !context.SaveCheckpoint("half").ok()) _exit(2);
        _exit(9);
      });
      if (TheJob().empty()) Submit("crash");
      if (!runner_->Start().ok()) _exit(3);
      if (cancel) {
        WaitFor(TheJob(), Job::STATE_RUNNING);
        if (!runner_->Cancel(TheJob()).ok()) _exit(4);
        cancelled.set_value();
      }
      while (true) pause();
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 9);
  }

  // Opens the records with a handler that returns what the checkpoint holds.
  Job Finish(Job::State state) {
    Open();
    runner_->Register("crash", [](JobContext& context) -> absl::StatusOr<Any> {
      return Pack(context.LoadCheckpoint().value_or("no checkpoint"));
    });
    EXPECT_TRUE(runner_->Start().ok());
    return WaitFor(TheJob(), state);
  }

  // Name of the one job; empty if there is none yet.
  std::string TheJob() const {
    const auto listed = runner_->List({});
    return listed.ok() && listed->jobs_size() > 0 ? listed->jobs(0).name() : "";
  }
};

TEST_F(JobCrashTest, GoesOnFromItsCheckpoint) {
  RunUntilItDies(/*checkpoint=*/true);
  const Job job = Finish(Job::STATE_SUCCEEDED);
  EXPECT_EQ(Unpack(job.result()), "half");
  EXPECT_EQ(job.resume_count(), 1);
}

TEST_F(JobCrashTest, StartsAgainWithoutACheckpoint) {
  RunUntilItDies(/*checkpoint=*/false);
  EXPECT_EQ(Unpack(Finish(Job::STATE_SUCCEEDED).result()), "no checkpoint");
}

TEST_F(JobCrashTest, AJobThatEndsTheProcessIsTriedTwiceMore) {
  for (int i = 0; i < 2; ++i) RunUntilItDies(/*checkpoint=*/false);
  MetricsRegistry metrics;
  options_.metrics = &metrics;
  EXPECT_EQ(Finish(Job::STATE_SUCCEEDED).resume_count(), 2);
  EXPECT_EQ(metrics.GetCounter("recsae_jobs_resumed_total", "", {{"kind", "crash"}}).value(), 1);
  runner_.reset();  // Ends before its metrics.
}

TEST_F(JobCrashTest, AJobThatEndedTheProcessThriceFails) {
  for (int i = 0; i < 3; ++i) RunUntilItDies(/*checkpoint=*/false);
  MetricsRegistry metrics;
  options_.metrics = &metrics;
  const auto count = [&metrics](const std::string& name) {
    return metrics.GetCounter(name, "", {{"kind", "crash"}}).value();
  };
  const absl::Status error = FromRpcStatus(Finish(Job::STATE_FAILED).error());
  EXPECT_EQ(Reason(error), "JOB_CRASHED");
  EXPECT_THAT(std::string(error.message()),
              HasSubstr(absl::StrCat("the process ended during ", TheJob(), " 3 times")));
  EXPECT_EQ(count("recsae_jobs_crashed_total"), 1);  // Since this process began.
  EXPECT_EQ(count("recsae_jobs_resumed_total"), 0);
  runner_.reset();
}

TEST_F(JobCrashTest, AJobThatGetsFurtherIsTriedAgain) {
  for (int i = 0; i < 5; ++i) RunUntilItDies(/*checkpoint=*/true);
  EXPECT_EQ(Finish(Job::STATE_SUCCEEDED).resume_count(), 5);
}

TEST_F(JobCrashTest, AnAcknowledgedCancelOutlivesTheProcess) {
  RunUntilItDies(/*checkpoint=*/true, /*cancel=*/true);
  Finish(Job::STATE_CANCELLED);
}

}  // namespace
}  // namespace recsae
