// WatchConcepts under load: live changes, many callers, slow callers, cancel and drain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "tests/contract/concept-store/store_server.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

using ::testing::Each;

// A caller of WatchConcepts that reads in a thread of its own.
class Watcher {
 public:
  // From `since` on, or -1: from now on.
  Watcher(StoreServer& server, const std::string& parent, int64_t since, int64_t until) {
    v1::WatchConceptsRequest request;
    request.set_parent(parent);
    if (since >= 0) request.set_since_revision(since);
    request.set_skip_snapshot(true);
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
    EXPECT_EQ(server_.store().revision(), kPublished);
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

  // Revisions of the two SAEs.
  static constexpr int64_t kPublished = 2;

  StoreServer server_;
};

std::vector<int64_t> Range(int64_t first, int64_t last) {
  std::vector<int64_t> range;
  for (int64_t i = first; i <= last; ++i) range.push_back(i);
  return range;
}

TEST_P(WatchTest, EachWatcherSeesEachRevisionOnceInOrderWhileOthersWrite) {
  constexpr int kWrites = 40;
  constexpr int64_t kRevisions = kPublished + int64_t{kWrites} * 16;
  std::vector<std::unique_ptr<Watcher>> watchers;
  watchers.push_back(std::make_unique<Watcher>(server_, "", kPublished, kRevisions));
  std::thread one([&] {
    for (int i = 0; i < kWrites; ++i) Write(8, "saes/a");
  });
  std::thread other([&] {
    for (int i = 0; i < kWrites; ++i) Write(8, "saes/b");
  });
  // Some begin in the middle of it, at a revision they know of.
  std::vector<int64_t> starts = {kPublished};
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
  Watcher watcher(server_, "saes/b", -1, 18);
  watcher.WaitUntilCaughtUp();
  Write(4, "saes/a");
  Write(4, "saes/b");
  Write(4, "saes/a");
  Write(4, "saes/b");
  EXPECT_EQ(watcher.Wait(), (std::vector<int64_t>{7, 8, 9, 10, 15, 16, 17, 18}));
  EXPECT_EQ(watcher.caught_up_count(), 1);
}

TEST_P(WatchTest, ManyWatchersShareTheServer) {
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < 200; ++i) watchers.push_back(std::make_unique<Watcher>(server_, "", -1, 34));
  for (const auto& watcher : watchers) watcher->WaitUntilCaughtUp();
  Write(16);
  Write(16);
  for (const auto& watcher : watchers) {
    EXPECT_EQ(watcher->Wait(), Range(3, 34));
    EXPECT_EQ(watcher->caught_up_count(), 1);
  }
}

TEST_P(WatchTest, ACallerThatReadsLateGetsEverything) {
  grpc::ClientContext context;
  v1::WatchConceptsRequest request;
  request.set_skip_snapshot(true);
  const auto stream = server_.stub().WatchConcepts(&context, request);
  v1::ConceptChange change;
  ASSERT_TRUE(stream->Read(&change));
  ASSERT_EQ(change.type(), v1::ConceptChange::TYPE_CAUGHT_UP);
  // Far more than the stream's windows hold, and nobody reads it yet: writers do not wait for it,
  // nor do other watchers.
  Watcher quick(server_, "", kPublished, 482);
  for (int i = 0; i < 30; ++i) Write(16, "saes/a", 20000);
  EXPECT_EQ(quick.Wait(), Range(3, 482));
  for (int64_t revision = 3; revision <= 482; ++revision) {
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

TEST_P(WatchTest, ADeletionIsOnItsWayToEachWatcherThatReadsAndWaitsForNoOther) {
  for (int i = 0; i < 10; ++i) Write(16, "saes/a", 60000);
  grpc::ClientContext idle_context;
  const auto idle = server_.stub().WatchConcepts(&idle_context, {});
  v1::ConceptChange change;
  ASSERT_TRUE(idle->Read(&change));  // and no more, of some megabytes
  Watcher reads(server_, "", server_.store().revision(), server_.store().revision() + 17);
  v1::DeleteSaeRequest remove;
  remove.set_name("saes/a");
  ASSERT_TRUE(Call(server_, &Stub::DeleteSae, remove).ok());
  EXPECT_EQ(reads.Wait().size(), 17U);
  idle_context.TryCancel();
  while (idle->Read(&change)) {
  }
  idle->Finish();
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

// The state by name that a watch has told of: of a concept its description, of an SAE "".
using State = std::map<std::string, std::string>;

void Apply(const v1::ConceptChange& change, State* state) {
  switch (change.type()) {
    case v1::ConceptChange::TYPE_UPSERTED:
      (*state)[change.latent_concept().name()] = change.latent_concept().description();
      break;
    case v1::ConceptChange::TYPE_DELETED:
      state->erase(change.latent_concept().name());
      break;
    case v1::ConceptChange::TYPE_SAE_PUBLISHED:
      (*state)[change.sae().name()] = "";
      break;
    case v1::ConceptChange::TYPE_SAE_DELETED:
      state->erase(change.sae().name());
      state->erase(change.sae().name() + "/baseline");
      break;
    case v1::ConceptChange::TYPE_BASELINE_SET:
      (*state)[change.baseline().sae() + "/baseline"] = absl::StrCat(change.baseline().row_count());
      break;
    default:
      break;
  }
}

TEST_P(WatchTest, SnapshotsReadWhileOthersWriteAreOneStateAtTheirRevision) {
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; !done; ++i) {
      Write(16, "saes/a", 10000);
      v1::DeleteConceptRequest remove;
      remove.set_name(absl::StrCat("saes/a/concepts/", i % 16));
      EXPECT_TRUE(Call(server_, &Stub::DeleteConcept, remove).ok());
      v1::SetBaselineRequest set;
      set.mutable_baseline()->set_sae("saes/a");
      set.mutable_baseline()->set_row_count(1 + i);
      WriteVector({1, 2, 3, 4}, set.mutable_baseline()->mutable_activation());
      WriteVector({1, 2, 3, 4}, set.mutable_baseline()->mutable_reconstruction());
      EXPECT_TRUE(Call(server_, &Stub::SetBaseline, set).ok());
    }
  });
  for (int round = 0; round < 10; ++round) {
    grpc::ClientContext context;
    const auto stream = server_.stub().WatchConcepts(&context, {});
    State snapshot;
    v1::ConceptChange change;
    while (stream->Read(&change) && change.type() != v1::ConceptChange::TYPE_CAUGHT_UP) {
      Apply(change, &snapshot);
    }
    const int64_t revision = change.revision();
    context.TryCancel();
    while (stream->Read(&change)) {
    }
    stream->Finish();
    State replayed;
    for (int64_t read = 0; read < revision;) {
      std::vector<v1::ConceptChange> changes;
      read = *server_.store().ReadChanges(read, "", 1 << 16, &changes);
      for (const auto& logged : changes) {
        if (logged.revision() <= revision) Apply(logged, &replayed);
      }
    }
    EXPECT_EQ(snapshot, replayed) << "at revision " << revision;
  }
  done = true;
  writer.join();
}

// What a follower that comes back at (epoch, revision) is told.
absl::Status ComeBack(StoreServer& server, const std::string& epoch, int64_t revision) {
  grpc::ClientContext context;
  v1::WatchConceptsRequest request;
  request.set_epoch(epoch);
  request.set_since_revision(revision);
  const auto stream = server.stub().WatchConcepts(&context, request);
  v1::ConceptChange change;
  if (stream->Read(&change)) {
    context.TryCancel();
    while (stream->Read(&change)) {
    }
    stream->Finish();
    return absl::OkStatus();
  }
  return FromGrpc(stream->Finish());
}

TEST_P(WatchTest, AFollowerGoesOnOverAReopenAndIsToldOfAnotherStore) {
  Write(4);
  const std::string epoch = server_.store().epoch();
  const int64_t revision = server_.store().revision();
  server_.Reopen();
  EXPECT_NE(server_.store().epoch(), epoch);
  EXPECT_TRUE(ComeBack(server_, epoch, revision).ok());
  Write(4);
  EXPECT_TRUE(ComeBack(server_, epoch, revision).ok());
  EXPECT_TRUE(ComeBack(server_, epoch, 0).ok());
  // The old epoch ended there: what is beyond it happened elsewhere.
  EXPECT_EQ(Reason(ComeBack(server_, epoch, revision + 1)), "STORE_CHANGED");
  // A wiped store that has outgrown the follower.
  StoreServer wiped(FreshDirectory("wiped"), GetParam());
  ASSERT_TRUE(Publish(wiped, SampleHeader("a"), SampleWeights(SampleSae(), 16)).ok());
  v1::BatchUpsertConceptsRequest request;
  request.set_parent("saes/a");
  for (int i = 0; i < 16; ++i) *request.add_concepts() = SampleConcept(i, "c");
  ASSERT_TRUE(Call(wiped, &Stub::BatchUpsertConcepts, request).ok());
  ASSERT_GT(wiped.store().revision(), revision);
  const absl::Status told = ComeBack(wiped, epoch, revision);
  EXPECT_EQ(told.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Reason(told), "STORE_CHANGED");
}

TEST_P(WatchTest, AStoreRestoredFromACopyKnowsWhatHappenedAfterTheCopy) {
  const std::string copy = FreshDirectory("copy");
  const std::string directory = FreshDirectory("copied");
  const auto write = [](StoreServer& server, int count) {
    v1::BatchUpsertConceptsRequest request;
    request.set_parent("saes/a");
    for (int i = 0; i < count; ++i) *request.add_concepts() = SampleConcept(i, "c");
    ASSERT_TRUE(Call(server, &Stub::BatchUpsertConcepts, request).ok());
  };
  std::string epoch;
  int64_t revision = 0;
  {
    StoreServer server(directory, GetParam());
    ASSERT_TRUE(Publish(server, SampleHeader("a"), SampleWeights(SampleSae(), 16)).ok());
  }
  std::filesystem::copy(directory, copy, std::filesystem::copy_options::recursive);
  {
    StoreServer server(directory, GetParam());
    write(server, 4);
    epoch = server.store().epoch();
    revision = server.store().revision();
  }
  StoreServer restored(copy, GetParam());
  EXPECT_EQ(Reason(ComeBack(restored, epoch, revision)), "STORE_CHANGED");
  write(restored, 8);
  ASSERT_GT(restored.store().revision(), revision);
  EXPECT_EQ(Reason(ComeBack(restored, epoch, revision)), "STORE_CHANGED");
}

INSTANTIATE_TEST_SUITE_P(Transports, WatchTest,
                         testing::Values(Transport::kInProcess, Transport::kTcp),
                         [](const testing::TestParamInfo<Transport>& transport) {
                           return transport.param == Transport::kTcp ? "Tcp" : "InProcess";
                         });

}  // namespace
}  // namespace recsae::concept_store
