// The door over a real socket: the local credentials stand for those of TLS, whose own part is
// tested with the servers.
#include "common/access/access_control.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_interceptor.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/caller.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/guard.h"
#include "common/rpc/metrics.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"

namespace recsae {
namespace {

// Answers with who called.
class Jobs final : public jobs::v1::Jobs::Service {
 public:
  grpc::Status GetJob(grpc::ServerContext* context, const jobs::v1::GetJobRequest* /*request*/,
                      jobs::v1::Job* job) override {
    return Answer(context, job);
  }
  grpc::Status CancelJob(grpc::ServerContext* context,
                         const jobs::v1::CancelJobRequest* /*request*/,
                         jobs::v1::Job* job) override {
    return Answer(context, job);
  }

 private:
  static grpc::Status Answer(grpc::ServerContext* context, jobs::v1::Job* job) {
    return Guard(context, [&] {
      job->set_creator(CallerName());
      const std::optional<Identity> caller = CallerOf(*context);
      if (caller.has_value()) job->set_kind(std::string(RoleName(caller->role)));
      return absl::OkStatus();
    });
  }
};

class Health final : public grpc::health::v1::Health::Service {
 public:
  grpc::Status Check(grpc::ServerContext* /*context*/,
                     const grpc::health::v1::HealthCheckRequest* /*request*/,
                     grpc::health::v1::HealthCheckResponse* /*response*/) override {
    return grpc::Status::OK;
  }
};

class AccessControlTest : public ::testing::Test {
 protected:
  AccessControlTest() : file_(absl::StrCat(::testing::TempDir(), "/door-", getpid())) {
    std::ofstream(file_) << "rita reader " << Sha256Hex("r") << "\nwim writer " << Sha256Hex("w")
                         << "\n";
    std::shared_ptr<Tokens> tokens = *Tokens::Open(file_);
    const auto credentials = grpc::experimental::LocalServerCredentials(LOCAL_TCP);
    credentials->SetAuthMetadataProcessor(MakeAccessControl(tokens, metrics_));
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> namers;
    namers.push_back(NameCallers(tokens, true));
    builder.experimental().SetInterceptorCreators(std::move(namers));
    builder.RegisterService(&jobs_);
    builder.RegisterService(&health_);
    server_ = builder.BuildAndStart();
    channel_ =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
    stub_ = jobs::v1::Jobs::NewStub(channel_);
  }
  ~AccessControlTest() override {
    server_->Shutdown();
    std::remove(file_.c_str());
  }

  // Whether it is known as somebody who may get, or cancel, a job.
  absl::Status Call(const std::string& authorization, bool cancel, jobs::v1::Job* job = nullptr) {
    grpc::ClientContext context;
    if (!authorization.empty()) context.AddMetadata("authorization", authorization);
    jobs::v1::Job ignored;
    if (job == nullptr) job = &ignored;
    return FromGrpc(cancel ? stub_->CancelJob(&context, {}, job)
                           : stub_->GetJob(&context, {}, job));
  }

  const std::string file_;
  MetricsRegistry metrics_;
  Jobs jobs_;
  Health health_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<jobs::v1::Jobs::Stub> stub_;
};

TEST_F(AccessControlTest, AReaderReads) {
  jobs::v1::Job job;
  ASSERT_TRUE(Call("Bearer r", false, &job).ok());
  EXPECT_EQ(job.creator(), "rita");
  EXPECT_EQ(job.kind(), "reader");
  EXPECT_TRUE(Call("bearer  r", false).ok()) << "the word is the same in small letters";
}

TEST_F(AccessControlTest, EachCallOfAConnectionHasItsOwnCaller) {
  jobs::v1::Job job;
  ASSERT_TRUE(Call("Bearer w", false, &job).ok());
  EXPECT_EQ(job.creator(), "wim");
  ASSERT_TRUE(Call("Bearer r", false, &job).ok());
  EXPECT_EQ(job.creator(), "rita");
}

TEST_F(AccessControlTest, NobodyNamesThemselves) {
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer r");
  context.AddMetadata(kCallerNameKey, "ada");
  context.AddMetadata(kCallerRoleKey, "admin");
  jobs::v1::Job job;
  ASSERT_TRUE(stub_->GetJob(&context, {}, &job).ok());
  EXPECT_EQ(job.creator(), "rita");
  EXPECT_EQ(job.kind(), "reader");
}

TEST_F(AccessControlTest, RefusesWithTheReason) {
  const absl::Status missing = Call("", false);
  EXPECT_EQ(missing.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Reason(missing), "TOKEN_MISSING");
  const absl::Status unknown = Call("Bearer x", false);
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Reason(unknown), "TOKEN_UNKNOWN");
  EXPECT_EQ(Reason(Call("Basic r", false)), "TOKEN_UNKNOWN");
  const absl::Status low = Call("Bearer r", true);
  EXPECT_EQ(low.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Reason(low), "ROLE_TOO_LOW");
  EXPECT_TRUE(Call("Bearer w", true).ok());
  // Its hash is no token.
  EXPECT_EQ(Reason(Call("Bearer " + Sha256Hex("w"), false)), "TOKEN_UNKNOWN");
}

TEST_F(AccessControlTest, HealthNeedsNobody) {
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckResponse response;
  EXPECT_TRUE(grpc::health::v1::Health::NewStub(channel_)->Check(&context, {}, &response).ok());
}

TEST_F(AccessControlTest, CallsWithinTheProcessPass) {
  const auto inside = jobs::v1::Jobs::NewStub(server_->InProcessChannel({}));
  grpc::ClientContext context;
  jobs::v1::Job job;
  ASSERT_TRUE(inside->CancelJob(&context, {}, &job).ok());
  EXPECT_EQ(job.creator(), "");
}

}  // namespace
}  // namespace recsae
