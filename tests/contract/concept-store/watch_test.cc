// WatchConcepts under load: live changes, many callers, slow callers, cancel and drain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "tests/contract/concept-store/store_server.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

using ::testing::Each;

// A caller of WatchConcepts that reads in a thread of its own.
class Watcher {
 public:
  Watcher(StoreServer& server, const std::string& parent, int64_t since, int64_t until) {
    v1::WatchConceptsRequest request;
    request.set_parent(parent);
    request.set_since_revision(since);
    stream_ = server.stub().WatchConcepts(&context_, request);
    result_ = std::async(std::launch::async, [this, until] { return Read(until); });
  }

  // Returns once CAUGHT_UP has come.
  void WaitUntilCaughtUp() { caught_up_.get_future().wait(); }
  void Cancel() { context_.TryCancel(); }
  // Revisions read, up to `until` or the end of the stream.
  std::vector<int64_t> Wait() { return result_.get(); }
  absl::Status status() const { return status_; }
  int caught_up_count() const { return caught_up_count_; }

 private:
  std::vector<int64_t> Read(int64_t until) {
    std::vector<int64_t> revisions;
    v1::ConceptChange change;
    while ((revisions.empty() || revisions.back() < until) && stream_->Read(&change)) {
      if (change.type() == v1::ConceptChange::TYPE_CAUGHT_UP) {
        if (++caught_up_count_ == 1) caught_up_.set_value();
      } else {
        revisions.push_back(change.revision());
      }
    }
    if (!revisions.empty() && revisions.back() >= until) context_.TryCancel();
    while (stream_->Read(&change)) {
    }
    status_ = FromGrpc(stream_->Finish());
    return revisions;
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::ConceptChange>> stream_;
  std::promise<void> caught_up_;
  std::atomic<int> caught_up_count_ = 0;
  absl::Status status_;
  std::future<std::vector<int64_t>> result_;
};

constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

class WatchTest : public testing::TestWithParam<Transport> {
 protected:
  WatchTest() : server_(FreshDirectory(), GetParam()) {
    EXPECT_TRUE(Publish(server_, SampleHeader("a"), SampleWeights(SampleSae(), 16)).ok());
    EXPECT_TRUE(Publish(server_, SampleHeader("b"), SampleWeights(SampleSae(), 16)).ok());
  }

  // One write of `count` changes.
  void Write(int count, const std::string& parent = "saes/a", size_t item_bytes = 1) {
    v1::BatchUpsertConceptsRequest request;
    request.set_parent(parent);
    for (int i = 0; i < count; ++i) {
      *request.add_concepts() = SampleConcept(i, "c");
      request.mutable_concepts(i)->mutable_evidence(0)->set_recommended_item_id(
          std::string(item_bytes, 'x'));
    }
    const auto written = Call(server_, &Stub::BatchUpsertConcepts, request);
    ASSERT_TRUE(written.ok()) << written.status();
  }

  StoreServer server_;
};

std::vector<int64_t> Range(int64_t first, int64_t last) {
  std::vector<int64_t> range;
  for (int64_t i = first; i <= last; ++i) range.push_back(i);
  return range;
}

TEST_P(WatchTest, EachWatcherSeesEachRevisionOnceInOrderWhileOthersWrite) {
  constexpr int kWrites = 40;
  constexpr int64_t kRevisions = int64_t{kWrites} * 16;
  std::vector<std::unique_ptr<Watcher>> watchers;
  watchers.push_back(std::make_unique<Watcher>(server_, "", 0, kRevisions));
  std::thread one([&] {
    for (int i = 0; i < kWrites; ++i) Write(8, "saes/a");
  });
  std::thread other([&] {
    for (int i = 0; i < kWrites; ++i) Write(8, "saes/b");
  });
  // Some begin in the middle of it, at a revision they know of.
  std::vector<int64_t> starts = {0};
  for (int i = 0; i < 7; ++i) {
    const int64_t since = server_.store().revision();
    starts.push_back(since);
    watchers.push_back(std::make_unique<Watcher>(server_, "", since, kRevisions));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  one.join();
  other.join();
  for (size_t i = 0; i < watchers.size(); ++i) {
    if (starts[i] == kRevisions) watchers[i]->Cancel();
    EXPECT_EQ(watchers[i]->Wait(), Range(starts[i] + 1, kRevisions));
    EXPECT_LE(watchers[i]->caught_up_count(), 1);
  }
}

TEST_P(WatchTest, AWatchOfOneSaeSkipsTheOthers) {
  Watcher watcher(server_, "saes/b", -1, 16);
  watcher.WaitUntilCaughtUp();
  Write(4, "saes/a");
  Write(4, "saes/b");
  Write(4, "saes/a");
  Write(4, "saes/b");
  EXPECT_EQ(watcher.Wait(), (std::vector<int64_t>{5, 6, 7, 8, 13, 14, 15, 16}));
  EXPECT_EQ(watcher.caught_up_count(), 1);
}

TEST_P(WatchTest, ManyWatchersShareTheServer) {
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < 200; ++i) watchers.push_back(std::make_unique<Watcher>(server_, "", -1, 32));
  for (const auto& watcher : watchers) watcher->WaitUntilCaughtUp();
  Write(16);
  Write(16);
  for (const auto& watcher : watchers) {
    EXPECT_EQ(watcher->Wait(), Range(1, 32));
    EXPECT_EQ(watcher->caught_up_count(), 1);
  }
}

TEST_P(WatchTest, ACallerThatReadsLateGetsEverything) {
  grpc::ClientContext context;
  v1::WatchConceptsRequest request;
  request.set_since_revision(-1);
  const auto stream = server_.stub().WatchConcepts(&context, request);
  v1::ConceptChange change;
  ASSERT_TRUE(stream->Read(&change));
  ASSERT_EQ(change.type(), v1::ConceptChange::TYPE_CAUGHT_UP);
  // Far more than the stream's windows hold, and nobody reads it yet: writers do not wait for it,
  // nor do other watchers.
  Watcher quick(server_, "", 0, 480);
  for (int i = 0; i < 30; ++i) Write(16, "saes/a", 20000);
  EXPECT_EQ(quick.Wait(), Range(1, 480));
  for (int64_t revision = 1; revision <= 480; ++revision) {
    ASSERT_TRUE(stream->Read(&change));
    ASSERT_EQ(change.revision(), revision);
  }
  context.TryCancel();
  stream->Finish();
}

TEST_P(WatchTest, CancelEndsAWatch) {
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < 20; ++i) {
    watchers.push_back(std::make_unique<Watcher>(server_, "", 0, kForever));
  }
  for (const auto& watcher : watchers) watcher->WaitUntilCaughtUp();
  for (const auto& watcher : watchers) watcher->Cancel();
  for (const auto& watcher : watchers) {
    watcher->Wait();
    EXPECT_EQ(watcher->status().code(), absl::StatusCode::kCancelled);
  }
  // The server has nothing left to wait for.
  server_.server().Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(30));
  SUCCEED();
}

TEST_P(WatchTest, DrainEndsWatchesWithUnavailable) {
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < 20; ++i) {
    watchers.push_back(std::make_unique<Watcher>(server_, "", 0, kForever));
  }
  for (const auto& watcher : watchers) watcher->WaitUntilCaughtUp();
  Write(3);
  server_.service().Drain();
  for (const auto& watcher : watchers) {
    watcher->Wait();
    EXPECT_EQ(watcher->status().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(Reason(watcher->status()), "SERVER_DRAINING");
  }
  // Those that come now get the same answer; other calls are still served.
  Watcher late(server_, "", 0, kForever);
  late.Wait();
  EXPECT_EQ(Reason(late.status()), "SERVER_DRAINING");
  Write(1);
}

TEST_P(WatchTest, DrainDoesNotWaitForACallerThatDoesNotRead) {
  for (int i = 0; i < 10; ++i) Write(16, "saes/a", 60000);
  grpc::ClientContext context;
  v1::WatchConceptsRequest request;
  const auto stream = server_.stub().WatchConcepts(&context, request);
  v1::ConceptChange change;
  ASSERT_TRUE(stream->Read(&change));
  server_.service().Drain();
  // No deadline: returns only when the watch has ended.
  server_.server().Shutdown();
  server_.server().Wait();
  while (stream->Read(&change)) {
  }
  EXPECT_FALSE(stream->Finish().ok());
}

INSTANTIATE_TEST_SUITE_P(Transports, WatchTest,
                         testing::Values(Transport::kInProcess, Transport::kTcp),
                         [](const testing::TestParamInfo<Transport>& transport) {
                           return transport.param == Transport::kTcp ? "Tcp" : "InProcess";
                         });

}  // namespace
}  // namespace recsae::concept_store
