#include "common/jobs/jobs_service.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/rpc/grpc_status.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"
#include "tests/unit/common/jobs/job_fixture.h"

namespace recsae {
namespace {

using jobs::v1::Job;

class JobsServiceTest : public JobFixture {
 protected:
  explicit JobsServiceTest(int max_watches = kMaxJobWatches)
      : service_(MakeJobsService(*runner_, max_watches)) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub_ = jobs::v1::Jobs::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }
  ~JobsServiceTest() override {
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
    server_->Wait();
  }

  // Reads states until the stream ends.
  std::vector<Job::State> Watch(const std::string& name, absl::Status* end) {
    grpc::ClientContext context;
    jobs::v1::WatchJobRequest request;
    request.set_name(name);
    auto stream = stub_->WatchJob(&context, request);
    std::vector<Job::State> states;
    for (Job job; stream->Read(&job);) states.push_back(job.state());
    *end = FromGrpc(stream->Finish());
    return states;
  }

  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<jobs::v1::Jobs::Stub> stub_;
};

TEST_F(JobsServiceTest, GetListCancelDelete) {
  Start();
  const std::string name = Submit("wait", "spec", "saes/x");
  Job job;
  {
    grpc::ClientContext context;
    jobs::v1::GetJobRequest request;
    request.set_name(name);
    ASSERT_TRUE(stub_->GetJob(&context, request, &job).ok());
    EXPECT_EQ(job.target(), "saes/x");
  }
  {
    grpc::ClientContext context;
    jobs::v1::ListJobsResponse response;
    ASSERT_TRUE(stub_->ListJobs(&context, {}, &response).ok());
    ASSERT_EQ(response.jobs_size(), 1);
    EXPECT_EQ(response.jobs(0).name(), name);
  }
  jobs::v1::DeleteJobRequest delete_request;
  delete_request.set_name(name);
  google::protobuf::Empty empty;
  {
    grpc::ClientContext context;
    const absl::Status status = FromGrpc(stub_->DeleteJob(&context, delete_request, &empty));
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(Reason(status), "JOB_NOT_FINISHED");
  }
  {
    grpc::ClientContext context;
    jobs::v1::CancelJobRequest request;
    request.set_name(name);
    ASSERT_TRUE(stub_->CancelJob(&context, request, &job).ok());
    WaitFor(name, Job::STATE_CANCELLED);
  }
  {
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->DeleteJob(&context, delete_request, &empty).ok());
  }
  {
    grpc::ClientContext context;
    jobs::v1::GetJobRequest request;
    request.set_name(name);
    const absl::Status status = FromGrpc(stub_->GetJob(&context, request, &job));
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(Reason(status), "JOB_NOT_FOUND");
  }
}

TEST_F(JobsServiceTest, WatchEndsWithTheFinalState) {
  const std::string name = Submit("echo");
  absl::Status end;
  auto states = std::async(std::launch::async, [&] { return Watch(name, &end); });
  Start();
  const std::vector<Job::State> seen = states.get();
  EXPECT_TRUE(end.ok()) << end;
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back(), Job::STATE_SUCCEEDED);
  for (size_t i = 1; i < seen.size(); ++i) EXPECT_LT(seen[i - 1], seen[i]);
}

TEST_F(JobsServiceTest, WatchOfAFinishedJobSendsItOnce) {
  Start();
  const std::string name = Submit("echo");
  WaitFor(name, Job::STATE_SUCCEEDED);
  absl::Status end;
  EXPECT_THAT(Watch(name, &end), ::testing::ElementsAre(Job::STATE_SUCCEEDED));
  EXPECT_TRUE(end.ok());
}

TEST_F(JobsServiceTest, WatchOfAnUnknownJobFails) {
  absl::Status end;
  EXPECT_TRUE(Watch("jobs/none-1", &end).empty());
  EXPECT_EQ(Reason(end), "JOB_NOT_FOUND");
  EXPECT_TRUE(Watch("nonsense", &end).empty());
  EXPECT_EQ(end.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(JobsServiceTest, WatchEndsWhenTheServerDrains) {
  Start();
  const std::string name = Submit("wait");
  absl::Status end;
  auto states = std::async(std::launch::async, [&] { return Watch(name, &end); });
  WaitFor(name, Job::STATE_RUNNING);
  ASSERT_TRUE(runner_->Stop(absl::Seconds(20)).ok());
  states.get();
  EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(end), "SERVER_DRAINING");
}

TEST_F(JobsServiceTest, AGoneCallerFreesTheServer) {
  Start();
  const std::string name = Submit("wait");
  grpc::ClientContext context;
  jobs::v1::WatchJobRequest request;
  request.set_name(name);
  auto stream = stub_->WatchJob(&context, request);
  Job job;
  ASSERT_TRUE(stream->Read(&job));
  context.TryCancel();
  while (stream->Read(&job)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // Without a deadline: returns only if no handler is left.
  server_->Shutdown();
}

// A watch that takes no thread of the client either.
class AsyncWatch : public grpc::ClientReadReactor<Job> {
 public:
  AsyncWatch(jobs::v1::Jobs::Stub& stub, const std::string& name) {
    request_.set_name(name);
    stub.async()->WatchJob(&context_, &request_, this);
    StartRead(&job_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    ++states_;
    last_ = job_.state();
    changed_.notify_all();
    StartRead(&job_);
  }
  void OnDone(const grpc::Status& status) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    done_ = true;
    status_ = FromGrpc(status);
    changed_.notify_all();
  }
  void WaitForState() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return states_ > 0 || done_; });
  }
  absl::Status WaitForEnd() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
    return status_;
  }
  void Cancel() { context_.TryCancel(); }
  Job::State last() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return last_;
  }

 private:
  grpc::ClientContext context_;
  jobs::v1::WatchJobRequest request_;
  Job job_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int states_ = 0;
  bool done_ = false;
  Job::State last_ = Job::STATE_UNSPECIFIED;
  absl::Status status_;
};

int Threads() {
  int threads = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    threads += task.is_directory();
  }
  return threads;
}

TEST_F(JobsServiceTest, ManyWatchersTakeNoThreadsAndAllSeeTheEnd) {
  Start();
  const std::string name = Submit("wait");
  WaitFor(name, Job::STATE_RUNNING);
  const int before = Threads();
  std::vector<std::unique_ptr<AsyncWatch>> watches;
  for (int i = 0; i < 400; ++i) watches.push_back(std::make_unique<AsyncWatch>(*stub_, name));
  for (const auto& watch : watches) watch->WaitForState();
  EXPECT_LT(Threads(), before + 40);

  for (int i = 0; i < 100; ++i) watches[i]->Cancel();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(watches[i]->WaitForEnd().code(), absl::StatusCode::kCancelled);
  }
  ASSERT_TRUE(runner_->Cancel(name).ok());
  for (int i = 100; i < 400; ++i) {
    EXPECT_TRUE(watches[i]->WaitForEnd().ok());
    EXPECT_EQ(watches[i]->last(), Job::STATE_CANCELLED);
  }
}

TEST_F(JobsServiceTest, TheLastProgressOfAQuietHandlerArrives) {
  runner_->Register("report", [](JobContext& context) {
    for (int i = 1; i <= 100; ++i) context.SetProgress("counting", i, 100, "rows");
    return context.Sleep(absl::Hours(1));
  });
  Start();
  grpc::ClientContext context;
  jobs::v1::WatchJobRequest request;
  request.set_name(Submit("report"));
  auto stream = stub_->WatchJob(&context, request);
  Job job;
  while (job.progress().done() < 100) ASSERT_TRUE(stream->Read(&job));
}

TEST_F(JobsServiceTest, AWatchEndsWithItsDeadline) {
  Start();
  const std::string name = Submit("wait");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  jobs::v1::WatchJobRequest request;
  request.set_name(name);
  auto stream = stub_->WatchJob(&context, request);
  for (Job job; stream->Read(&job);) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(JobsServiceTest, AWatchOfADeletedJobEnds) {
  const std::string name = Submit("wait");
  ASSERT_TRUE(runner_->Cancel(name).ok());
  absl::Status end;
  EXPECT_THAT(Watch(name, &end), ::testing::ElementsAre(Job::STATE_CANCELLED));
  ASSERT_TRUE(runner_->Delete(name).ok());
  EXPECT_TRUE(Watch(name, &end).empty());
  EXPECT_EQ(Reason(end), "JOB_NOT_FOUND");
}

TEST_F(JobsServiceTest, AWatchThatComesWhileTheServerDrainsEnds) {
  Start();
  const std::string name = Submit("wait");
  WaitFor(name, Job::STATE_RUNNING);
  ASSERT_TRUE(runner_->Stop(absl::Seconds(20)).ok());
  absl::Status end;
  EXPECT_THAT(Watch(name, &end), ::testing::ElementsAre(Job::STATE_RUNNING));
  EXPECT_EQ(Reason(end), "SERVER_DRAINING");
}

class FewWatchesTest : public JobsServiceTest {
 protected:
  FewWatchesTest() : JobsServiceTest(/*max_watches=*/2) {}
};

TEST_F(FewWatchesTest, OneTooManyIsRefusedUntilAnotherEnds) {
  Start();
  const std::string name = Submit("wait");
  AsyncWatch first(*stub_, name);
  AsyncWatch second(*stub_, name);
  first.WaitForState();
  second.WaitForState();
  absl::Status end;
  EXPECT_TRUE(Watch(name, &end).empty());
  EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(end), "TOO_MANY_WATCHES");

  first.Cancel();
  EXPECT_EQ(first.WaitForEnd().code(), absl::StatusCode::kCancelled);
  ASSERT_TRUE(runner_->Cancel(name).ok());
  WaitFor(name, Job::STATE_CANCELLED);
  EXPECT_TRUE(second.WaitForEnd().ok());
  // The server notices the ends a moment after their callers.
  do {
    Watch(name, &end);
  } while (Reason(end) == "TOO_MANY_WATCHES");
  EXPECT_TRUE(end.ok()) << end;
}

}  // namespace
}  // namespace recsae
