// On whose behalf peers are called, and when that ends; against a peer that hangs.
#include "services/explainer/peers/caller.h"

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/client/peer.h"
#include "common/jobs/job_runner.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"

namespace recsae::explainer {
namespace {

using ::testing::HasSubstr;
using PeerJobs = PeerStub<jobs::v1::Jobs>;

// GetJob never answers; WatchJob sends a message and then is silent, or breaks off until it was
// called `breaks` times.
class HungPeer : public jobs::v1::Jobs::Service {
 public:
  HungPeer() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address = "127.0.0.1:" + std::to_string(port);
  }
  ~HungPeer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status GetJob(grpc::ServerContext* context, const jobs::v1::GetJobRequest* /*request*/,
                      jobs::v1::Job* /*response*/) override {
    ++calls;
    return Hang(context);
  }

  grpc::Status WatchJob(grpc::ServerContext* context, const jobs::v1::WatchJobRequest* /*request*/,
                        grpc::ServerWriter<jobs::v1::Job>* writer) override {
    const int call = ++calls;
    writer->Write(jobs::v1::Job());
    if (breaks == 0) return Hang(context);
    return call < breaks ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "restarting")
                         : grpc::Status::OK;
  }

  std::string address;
  std::atomic<int> calls{0};
  int breaks = 0;  // set before the first call

 private:
  static grpc::Status Hang(grpc::ServerContext* context) {
    while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return grpc::Status::CANCELLED;
  }

  std::unique_ptr<grpc::Server> server_;
};

absl::Status GetJob(PeerJobs& peer, const Caller& caller) {
  return caller.Call([&](grpc::ClientContext& context) {
    jobs::v1::Job job;
    return peer.peer().FromGrpc(peer->GetJob(&context, jobs::v1::GetJobRequest(), &job));
  });
}

absl::Status Watch(PeerJobs& peer, const Caller& caller, bool goes_on, int& read) {
  const auto watch = [&](grpc::ClientContext& context, Caller::Heard heard) {
    const auto reader = peer->WatchJob(&context, jobs::v1::WatchJobRequest());
    jobs::v1::Job job;
    while (reader->Read(&job)) {
      heard();
      ++read;
    }
    return peer.peer().FromGrpc(reader->Finish());
  };
  return caller.Stream(watch, goes_on);
}

class CallerTest : public ::testing::Test {
 protected:
  // Runs `work` in a job.
  void InJob(std::function<void(const JobContext&)> work) {
    const std::string directory =
        ::testing::TempDir() + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory);
    JobRunnerOptions options;
    options.service = "explainer";
    auto runner = JobRunner::Open(directory, options);
    ASSERT_TRUE(runner.ok()) << runner.status();
    std::atomic<bool> done = false;
    (*runner)->Register("work", [&](JobContext& job) -> absl::StatusOr<google::protobuf::Any> {
      work(job);
      done = true;
      return google::protobuf::Any();
    });
    ASSERT_TRUE((*runner)->Start().ok());
    ASSERT_TRUE((*runner)->Submit("work", {}, google::protobuf::Any(), "").ok());
    while (!done) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }

  HungPeer hung_;
  PeerJobs peer_{std::make_shared<Peer>("probe", hung_.address)};
};

TEST_F(CallerTest, UpkeepEndsWhenTheProcessStops) {
  std::stop_source stop;
  const Caller upkeep(absl::InfiniteDuration(), stop.get_token());
  EXPECT_TRUE(upkeep.Alive().ok());
  std::thread stopper([&] {
    while (hung_.calls == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    stop.request_stop();
  });
  EXPECT_EQ(Reason(GetJob(peer_, upkeep)), "SERVER_DRAINING");
  stopper.join();
  // And what begins afterwards does not even wait.
  EXPECT_EQ(Reason(GetJob(peer_, upkeep)), "SERVER_DRAINING");
  EXPECT_EQ(Reason(upkeep.Alive()), "SERVER_DRAINING");
}

TEST_F(CallerTest, PeerThatIsSilentIsUnavailableToAJobAndNamed) {
  for (const bool stream : {false, true}) {
    InJob([&](const JobContext& job) {
      const Caller caller(job, absl::Milliseconds(50));
      int read = 0;
      const absl::Status status =
          stream ? Watch(peer_, caller, false, read) : GetJob(peer_, caller);
      EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
      EXPECT_EQ(Reason(status), "PEER_UNAVAILABLE");
      EXPECT_THAT(std::string(status.message()), HasSubstr("probe at " + hung_.address));
    });
  }
}

TEST_F(CallerTest, StreamThatGoesOnIsRepeatedAsLongAsItGetsFurther) {
  hung_.breaks = 20;  // twice the attempts of a call that gets no further
  InJob([&](const JobContext& job) {
    int read = 0;
    EXPECT_TRUE(Watch(peer_, Caller(job), /*goes_on=*/true, read).ok());
    EXPECT_EQ(read, 20);
  });
}

}  // namespace
}  // namespace recsae::explainer
