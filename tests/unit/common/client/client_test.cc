#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/client/idle_limit.h"
#include "common/client/peer.h"
#include "common/client/retry.h"
#include "common/rpc/grpc_status.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"

namespace recsae {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Answers GetJob with the error that a draining server gives, or with the job; WatchJob sends one
// message and then nothing until the caller goes.
class SomeJobs : public jobs::v1::Jobs::Service {
 public:
  grpc::Status GetJob(grpc::ServerContext* /*context*/, const jobs::v1::GetJobRequest* request,
                      jobs::v1::Job* response) override {
    if (request->name().empty()) {
      return ToGrpc(Error(absl::StatusCode::kUnavailable, "SERVER_DRAINING", "try another"));
    }
    response->set_name(request->name());
    return grpc::Status::OK;
  }

  grpc::Status WatchJob(grpc::ServerContext* context, const jobs::v1::WatchJobRequest* /*request*/,
                        grpc::ServerWriter<jobs::v1::Job>* writer) override {
    writer->Write(jobs::v1::Job());
    while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return grpc::Status::OK;
  }
};

struct RunningServer {
  RunningServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    server = builder.BuildAndStart();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port); }

  int port = 0;
  SomeJobs service;
  std::unique_ptr<grpc::Server> server;
};

absl::Status GetJob(PeerStub<jobs::v1::Jobs>& stub, const std::string& name) {
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(30));
  jobs::v1::GetJobRequest request;
  request.set_name(name);
  jobs::v1::Job job;
  return stub.peer().FromGrpc(stub->GetJob(&context, request, &job));
}

TEST(PeerTest, UnreachablePeerIsNamedWithTheWayOut) {
  std::string address;
  {
    const RunningServer gone;
    address = gone.address();
  }
  PeerStub<jobs::v1::Jobs> stub(std::make_shared<Peer>("concept-store", address));
  const absl::Status status = GetJob(stub, "jobs/1");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(status), "PEER_UNAVAILABLE");
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("concept-store at " + address + " is not reachable: "),
                    HasSubstr("start it or set --concept-store / RECSAE_CONCEPT_STORE")));
  EXPECT_EQ(Metadata(status), (ErrorMetadata{{"address", address}, {"peer", "concept-store"}}));
}

TEST(PeerTest, ErrorsOfThePeerItselfAreKept) {
  const RunningServer server;
  PeerStub<jobs::v1::Jobs> stub(std::make_shared<Peer>("probe", server.address()));
  EXPECT_TRUE(GetJob(stub, "jobs/1").ok());
  const absl::Status status = GetJob(stub, "");
  EXPECT_EQ(Reason(status), "SERVER_DRAINING");
  EXPECT_EQ(status.message(), "try another");
}

TEST(PeerTest, CallWithoutAnAnswerNamesThePeer) {
  const RunningServer server;
  PeerStub<jobs::v1::Jobs> stub(std::make_shared<Peer>("probe", server.address()));
  grpc::ClientContext context;
  SetDeadline(context, absl::Milliseconds(200));
  const auto watch = stub->WatchJob(&context, jobs::v1::WatchJobRequest());
  jobs::v1::Job job;
  while (watch->Read(&job)) continue;
  const absl::Status status = stub.peer().FromGrpc(watch->Finish());
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Reason(status), "PEER_CALL_ENDED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("probe at " + server.address()));
}

TEST(IdleLimitTest, CancelsAStreamThatHasGoneSilent) {
  const RunningServer server;
  PeerStub<jobs::v1::Jobs> stub(std::make_shared<Peer>("probe", server.address()));
  grpc::ClientContext context;
  IdleLimit limit(context, absl::Milliseconds(50));
  const auto watch = stub->WatchJob(&context, jobs::v1::WatchJobRequest());
  jobs::v1::Job job;
  ASSERT_TRUE(watch->Read(&job));
  // Nothing runs until Start, and each Start begins anew.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(limit.exceeded());
  limit.Start();
  limit.Stop();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(limit.exceeded());
  limit.Start();
  EXPECT_FALSE(watch->Read(&job));
  EXPECT_TRUE(limit.exceeded());
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST(PeerTest, InProcessChannelMayComeLater) {
  const RunningServer server;
  auto peer = std::make_shared<Peer>("probe");
  PeerStub<jobs::v1::Jobs> stub(peer);
  absl::Status status = absl::UnknownError("not called");
  std::thread caller([&] { status = GetJob(stub, "jobs/1"); });
  peer->SetChannel(server.server->InProcessChannel(grpc::ChannelArguments()));
  caller.join();
  EXPECT_TRUE(status.ok()) << status;
}

TEST(PeerTest, PeerThatComesBackIsReachedWithRetries) {
  auto first = std::make_unique<RunningServer>();
  const std::string address = first->address();
  PeerStub<jobs::v1::Jobs> stub(std::make_shared<Peer>("probe", address));
  ASSERT_TRUE(GetJob(stub, "jobs/1").ok());
  first.reset();
  RetryOptions options;
  options.attempts = 1000;
  options.longest_wait = absl::Milliseconds(100);
  std::unique_ptr<grpc::Server> second;
  SomeJobs service;
  int failures = 0;
  const absl::Status status = Retry(options, [&] {
    if (++failures == 3) {
      grpc::ServerBuilder builder;
      builder.AddListeningPort(address, grpc::InsecureServerCredentials());
      builder.RegisterService(&service);
      second = builder.BuildAndStart();
    }
    return GetJob(stub, "jobs/1");
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_GE(failures, 3);
}

RetryOptions Quick(int attempts) {
  RetryOptions options;
  options.attempts = attempts;
  options.first_wait = absl::Milliseconds(1);
  return options;
}

TEST(RetryTest, OnlyWhatMayPassIsTriedAgain) {
  int calls = 0;
  EXPECT_EQ(Retry(Quick(4),
                  [&] {
                    ++calls;
                    return absl::UnavailableError("x");
                  })
                .code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(calls, 4);
  calls = 0;
  EXPECT_TRUE(Retry(Quick(4), [&] {
                return ++calls < 3 ? absl::UnavailableError("x") : absl::OkStatus();
              }).ok());
  EXPECT_EQ(calls, 3);
  calls = 0;
  EXPECT_FALSE(Retry(Quick(4), [&] {
                 ++calls;
                 return absl::InternalError("x");
               }).ok());
  EXPECT_EQ(calls, 1);
}

TEST(RetryTest, NoAttemptBeginsAfterTheTimeToGiveUp) {
  int calls = 0;
  RetryOptions options = Quick(1000);
  options.give_up_after = absl::ZeroDuration();
  const auto call = [&] { return ++calls, absl::UnavailableError("down"); };
  EXPECT_EQ(Retry(options, call).message(), "down");
  EXPECT_EQ(calls, 1);
}

TEST(RetryTest, AttemptsBeginAnewWhereOneGotFurther) {
  int calls = 0;
  RetryOptions options = Quick(3);
  options.progressed = [&] { return calls <= 10; };
  const auto call = [&] { return ++calls, absl::UnavailableError("down"); };
  EXPECT_FALSE(Retry(options, call).ok());
  EXPECT_EQ(calls, 12);  // the tenth is the first of the last three
}

TEST(RetryTest, ResourceExhaustedOnlyWhereAsked) {
  int calls = 0;
  const auto call = [&] {
    ++calls;
    return absl::ResourceExhaustedError("x");
  };
  EXPECT_FALSE(Retry(Quick(3), call).ok());
  EXPECT_EQ(calls, 1);
  RetryOptions options = Quick(3);
  options.retry_resource_exhausted = true;
  EXPECT_FALSE(Retry(options, call).ok());
  EXPECT_EQ(calls, 4);
}

TEST(RetryTest, WhatThePeerCancelledIsTriedAgain) {
  int calls = 0;
  bool cancelled = false;
  const auto call = [&] {
    ++calls;
    return absl::CancelledError("stream cancelled");
  };
  // Nobody says whose doing it was.
  EXPECT_EQ(Retry(Quick(3), call).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 1);
  RetryOptions options = Quick(3);
  options.cancelled = [&] { return cancelled; };
  const absl::Status status = Retry(options, call);
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(status), "PEER_UNAVAILABLE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("stream cancelled"));
  cancelled = true;
  EXPECT_EQ(Retry(options, call).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 5);
}

TEST(RetryTest, CancelEndsTheWaitAndKeepsTheCauseInTheMessage) {
  RetryOptions options;
  options.first_wait = options.longest_wait = absl::Hours(10);
  int calls = 0;
  options.cancelled = [&] { return calls > 0; };
  const absl::Status status = Retry(options, [&] {
    ++calls;
    return absl::UnavailableError("the cause");
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the cause"));
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace recsae
