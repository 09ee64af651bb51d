// A follower over every break: refused connections, ended streams, wiped and compacted feeds,
// stops.
#include "common/client/follower.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/client/peer.h"
#include "common/rpc/grpc_status.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae {
namespace {

absl::Status Alive() { return absl::OkStatus(); }

absl::Status OutOfRange() {
  return Error(absl::StatusCode::kOutOfRange, "STORE_CHANGED", "another store");
}

// What each stream was asked for, and what it does.
class FollowerTest : public testing::Test {
 protected:
  using Script = std::function<absl::Status(Follower::Stream&, int number)>;

  void Follow(Script script) {
    FollowerOptions options;
    options.first_wait = absl::Milliseconds(1);
    options.longest_wait = absl::Milliseconds(5);
    follower_ = std::make_unique<Follower>(
        "things",
        [this, script = std::move(script)](Follower::Stream& stream) {
          int number = 0;
          {
            const std::lock_guard<std::mutex> lock(mutex_);
            number = static_cast<int>(since_.size());
            since_.push_back(stream.since().has_value() ? stream.since()->revision : -1);
          }
          const absl::Status status = script(stream, number);
          changed_.notify_all();
          return status;
        },
        options);
    follower_->Start();
  }

  // The revisions that the first `count` streams went on from; -1: a snapshot.
  std::vector<int64_t> Since(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (since_.size() < count) changed_.wait_for(lock, std::chrono::milliseconds(5));
    return {since_.begin(), since_.begin() + static_cast<std::ptrdiff_t>(count)};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int64_t> since_;
  std::unique_ptr<Follower> follower_;  // last: its thread uses the others
};

TEST_F(FollowerTest, GoesOnWhereABrokenStreamStopped) {
  Follow([](Follower::Stream& stream, int number) {
    stream.Advance({"e", number + 1});
    return absl::UnavailableError("broken");
  });
  EXPECT_EQ(Since(4), (std::vector<int64_t>{-1, 1, 2, 3}));
  EXPECT_TRUE(follower_->WaitUntilFilled(Alive).ok());
}

TEST_F(FollowerTest, TakesASnapshotAgainUntilOneIsComplete) {
  Follow([](Follower::Stream& stream, int number) {
    if (number == 2) stream.Advance({"e", 7});
    return absl::UnavailableError("broken");
  });
  EXPECT_EQ(Since(4), (std::vector<int64_t>{-1, -1, -1, 7}));
}

TEST_F(FollowerTest, TakesASnapshotWhereTheServerCannotGoOn) {
  Follow([](Follower::Stream& stream, int number) {
    if (number % 2 == 1) return OutOfRange();
    stream.Advance({absl::StrCat("e", number), 10 + number});
    return absl::UnavailableError("broken");
  });
  EXPECT_EQ(Since(5), (std::vector<int64_t>{-1, 10, -1, 12, -1}));
  // Meanwhile it is as full as it was.
  EXPECT_TRUE(follower_->WaitUntilFilled(Alive).ok());
  EXPECT_GE(follower_->cursor()->revision, 12);
}

TEST_F(FollowerTest, AFeedThatThrowsBeginsAnew) {
  Follow([](Follower::Stream& stream, int number) -> absl::Status {
    stream.Advance({"e", number + 1});
    if (number == 0) throw std::bad_alloc();
    return absl::UnavailableError("broken");
  });
  EXPECT_EQ(Since(3), (std::vector<int64_t>{-1, -1, 2}));
}

TEST_F(FollowerTest, TellsWhyItIsEmptyUntilItIsFilled) {
  std::atomic<bool> works = false;
  Follow([&works](Follower::Stream& stream, int) {
    if (works) stream.Advance({"e", 1});
    return absl::UnavailableError("no way there");
  });
  Since(2);
  EXPECT_EQ(follower_->WaitUntilFilled(Alive).message(), "no way there");
  works = true;
  follower_->WaitForRevision(1, absl::InfiniteDuration(), Alive);
  EXPECT_TRUE(follower_->WaitUntilFilled(Alive).ok());
}

TEST_F(FollowerTest, ACallerThatIsGoneNoLongerWaits) {
  Follower idle("things", [](Follower::Stream&) { return absl::OkStatus(); });
  EXPECT_EQ(idle.WaitUntilFilled([] { return absl::CancelledError("gone"); }).message(), "gone");
}

TEST_F(FollowerTest, StoppedBeforeItWasFilledIsUnavailable) {
  Follower follower("things", [](Follower::Stream&) { return absl::OkStatus(); });
  follower.Stop();
  const absl::Status status = follower.WaitUntilFilled(Alive);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(status), "FEED_STOPPED");
}

// A server that takes calls and says nothing.
class Silent : public probe::v1::Probe::Service {
 public:
  grpc::Status WatchResources(grpc::ServerContext* context, const probe::v1::WatchResourcesRequest*,
                              grpc::ServerWriter<probe::v1::ResourceChange>*) override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      called_ = true;
    }
    changed_.notify_all();
    std::unique_lock<std::mutex> lock(mutex_);
    while (!context->IsCancelled()) changed_.wait_for(lock, std::chrono::milliseconds(1));
    return grpc::Status::CANCELLED;
  }

  void WaitUntilCalled() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return called_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool called_ = false;
};

absl::Status Watch(probe::v1::Probe::Stub& stub, Follower::Stream& stream) {
  const auto reader = stub.WatchResources(&stream.context(), {});
  probe::v1::ResourceChange change;
  while (reader->Read(&change)) {
  }
  return FromGrpc(reader->Finish());
}

TEST(FollowerStop, EndsAStreamThatBringsNothing) {
  Silent service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  const auto stub = probe::v1::Probe::NewStub(server->InProcessChannel({}));
  Follower follower("things", [&](Follower::Stream& stream) { return Watch(*stub, stream); });
  follower.Start();
  service.WaitUntilCalled();
  follower.Stop();  // returns, or this test times out
  server->Shutdown();
}

TEST(FollowerStop, EndsWhileConnecting) {
  // An address that swallows what is sent to it; a call there waits until it is connected.
  const auto stub = probe::v1::Probe::NewStub(NewChannel("192.0.2.1:9"));
  std::mutex mutex;
  std::condition_variable changed;
  bool called = false;
  Follower follower("things", [&](Follower::Stream& stream) {
    stream.context().set_wait_for_ready(true);
    {
      const std::lock_guard<std::mutex> lock(mutex);
      called = true;
    }
    changed.notify_all();
    return Watch(*stub, stream);
  });
  follower.Start();
  {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return called; });
  }
  follower.Stop();
}

}  // namespace
}  // namespace recsae
