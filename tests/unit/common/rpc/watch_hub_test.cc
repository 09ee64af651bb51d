// Watches whose source throws: the call ends with a status, the hub and the others go on.
#include "common/rpc/watch_hub.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <new>
#include <vector>

#include "common/base/status.h"
#include "common/rpc/grpc_status.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace recsae {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// How much there is to read, of which each source sends one message a step.
struct Feed {
  std::atomic<int> count = 1;
  std::atomic<bool> out_of_memory = false;
};

class Source : public WatchSource<HealthCheckResponse> {
 public:
  explicit Source(const Feed& feed) : feed_(feed) {}

  absl::Status Read(size_t /*max_bytes*/, std::vector<HealthCheckResponse>* changes) override {
    if (feed_.out_of_memory) throw std::bad_alloc();
    changes->emplace_back();
    ++sent_;
    return absl::OkStatus();
  }
  bool HasMore() const override { return sent_ < feed_.count; }

 private:
  const Feed& feed_;
  int sent_ = 0;
};

class Service : public Health::CallbackService {
 public:
  grpc::ServerWriteReactor<HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context, const HealthCheckRequest* /*request*/) override {
    return hub.Watch(context, std::make_unique<Source>(feed));
  }

  Feed feed;
  WatchHub<HealthCheckResponse> hub{[](int64_t) {}};
};

class WatchHubTest : public testing::Test {
 protected:
  WatchHubTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = Health::NewStub(server_->InProcessChannel({}));
  }
  ~WatchHubTest() override { server_->Shutdown(); }

  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Health::Stub> stub_;
};

TEST_F(WatchHubTest, MemoryThatRunsOutEndsTheWatchAlone) {
  HealthCheckResponse message;
  {
    grpc::ClientContext context;
    const auto watch = stub_->Watch(&context, {});
    ASSERT_TRUE(watch->Read(&message));
    service_.feed.out_of_memory = true;
    service_.feed.count = 2;
    service_.hub.Notify();  // read by the hub's own thread
    EXPECT_FALSE(watch->Read(&message));
    const absl::Status end = FromGrpc(watch->Finish());
    EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(Reason(end), "OUT_OF_MEMORY");
  }
  service_.feed.out_of_memory = false;
  grpc::ClientContext context;
  const auto watch = stub_->Watch(&context, {});
  EXPECT_TRUE(watch->Read(&message));
  EXPECT_TRUE(watch->Read(&message));
  service_.feed.count = 3;
  service_.hub.Notify();
  EXPECT_TRUE(watch->Read(&message));
  context.TryCancel();
  watch->Finish();
}

}  // namespace
}  // namespace recsae
