// WatchResources, and the incarnations that it tells of.
#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/probe/resources/resources.h"
#include "services/probe/store/change_log.h"
#include "tests/unit/probe/service/fixture.h"

namespace recsae::probe {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using v1::ResourceChange;

// An open watch that is read one change at a time.
class Watch {
 public:
  Watch(v1::Probe::Stub& probe, const v1::WatchResourcesRequest& request)
      : reader_(probe.WatchResources(&context_, request)) {}
  ~Watch() {
    context_.TryCancel();
    if (reader_ != nullptr) End().IgnoreError();
  }

  // "+catalogs/c", "-recommenders/r", "=" when it has caught up.
  std::string Next() {
    ResourceChange change;
    if (!reader_->Read(&change)) return "end";
    last = change;
    if (change.type() == ResourceChange::TYPE_CAUGHT_UP) return "=";
    return absl::StrCat(
        change.type() == ResourceChange::TYPE_DELETED ? "-" : "+",
        change.has_catalog() ? change.catalog().name() : change.recommender().name());
  }

  absl::Status End() {
    ResourceChange change;
    while (reader_->Read(&change)) {
    }
    return FromGrpc(std::exchange(reader_, nullptr)->Finish());
  }

  ResourceChange last;

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<ResourceChange>> reader_;
};

class FeedTest : public ProbeServerTest {
 protected:
  static v1::WatchResourcesRequest Since(const ResourceChange& change) {
    v1::WatchResourcesRequest request;
    request.set_since_revision(change.revision());
    request.set_epoch(change.epoch());
    return request;
  }

  void Delete(const std::string& recommender) {
    v1::DeleteRecommenderRequest request;
    request.set_name(recommender);
    request.set_force(true);
    google::protobuf::Empty empty;
    ASSERT_TRUE(Run(&Stub::DeleteRecommender, request, &empty).ok());
  }
};

TEST_F(FeedTest, TellsWhatThereIsAndThenWhatChanges) {
  MakeCatalog(3);
  Watch watch(*probe_, {});
  EXPECT_EQ(watch.Next(), "+catalogs/c");
  EXPECT_EQ(watch.last.revision(), 0);
  EXPECT_EQ(watch.last.catalog().item_count(), 3);
  const int64_t uploads = watch.last.catalog().revision();
  const std::string uid = watch.last.catalog().uid();
  EXPECT_FALSE(uid.empty());
  EXPECT_EQ(watch.Next(), "=");
  const ResourceChange caught_up = watch.last;

  MakeRecommender(2);
  EXPECT_EQ(watch.Next(), "+recommenders/r");
  EXPECT_FALSE(watch.last.recommender().uid().empty());
  EXPECT_FALSE(watch.last.recommender().has_prediction_head());

  // Of an upload in several messages one change, with the catalogue as it is then.
  v1::UploadItemsRequest header;
  header.mutable_header()->set_catalog("catalogs/c");
  v1::UploadItemsRequest items;
  items.mutable_batch()->add_items()->set_id("i0");
  items.mutable_batch()->mutable_items(0)->set_title("another title");
  v1::UploadItemsResponse uploaded;
  ASSERT_TRUE(Send(&Stub::UploadItems, std::vector{header, items, items}, &uploaded).ok());
  EXPECT_EQ(uploaded.catalog().revision(), uploads + 2);
  EXPECT_EQ(watch.Next(), "+catalogs/c");
  EXPECT_EQ(watch.last.catalog().revision(), uploads + 2);
  EXPECT_EQ(watch.last.catalog().uid(), uid);

  v1::UploadPredictionHeadRequest head;
  head.mutable_header()->set_recommender("recommenders/r");
  v1::UploadPredictionHeadRequest rows;
  for (int i = 0; i < 3; ++i) rows.mutable_batch()->add_item_ids(absl::StrCat("i", i));
  *rows.mutable_batch()->mutable_vectors() = Matrix({1, 2, 3, 4, 5, 6}, 2);
  v1::Recommender recommender;
  ASSERT_TRUE(Send(&Stub::UploadPredictionHead, std::vector{head, rows}, &recommender).ok());
  EXPECT_EQ(watch.Next(), "+recommenders/r");
  EXPECT_TRUE(watch.last.recommender().has_prediction_head());

  Delete("recommenders/r");
  EXPECT_EQ(watch.Next(), "-recommenders/r");
  // Whoever comes back hears of what it missed, each as it is now.
  Watch again(*probe_, Since(caught_up));
  std::vector<std::string> missed;
  for (std::string next; next != "=";) missed.push_back(next = again.Next());
  EXPECT_THAT(missed, ElementsAre("-recommenders/r", "+catalogs/c", "-recommenders/r",
                                  "-recommenders/r", "="));
}

TEST_F(FeedTest, UploadsThatStoreNothingAreNoChange) {
  MakeCatalog(1);
  Watch watch(*probe_, {});
  while (watch.Next() != "=") {
  }
  v1::UploadItemsRequest items;
  items.mutable_batch()->add_items()->set_id("i0");
  v1::UploadItemsRequest header;
  v1::UploadItemsResponse uploaded;
  for (const char* name : {"c", "catalogs/not there", "catalogs/unknown", "recommenders/r"}) {
    header.mutable_header()->set_catalog(name);
    EXPECT_FALSE(Send(&Stub::UploadItems, std::vector{header, items}, &uploaded).ok()) << name;
  }
  header.mutable_header()->set_catalog("catalogs/c");
  ASSERT_TRUE(Send(&Stub::UploadItems, std::vector{header}, &uploaded).ok());
  MakeRecommender(2);
  EXPECT_EQ(watch.Next(), "+recommenders/r");
}

TEST_F(FeedTest, AProbeThatWasStartedAgainIsAnotherFeed) {
  MakeCatalog(1);
  ResourceChange caught_up;
  {
    Watch watch(*probe_, {});
    while (watch.Next() != "=") {
    }
    caught_up = watch.last;
  }
  Stop();
  Start();
  const absl::Status status = Watch(*probe_, Since(caught_up)).End();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << status;
  EXPECT_EQ(Reason(status), "STORE_CHANGED");
  v1::WatchResourcesRequest request;
  request.set_since_revision(1000);
  EXPECT_EQ(Reason(Watch(*probe_, request).End()), "REVISION_UNKNOWN");
  request.set_since_revision(-1);
  EXPECT_EQ(Reason(Watch(*probe_, request).End()), "INVALID_REQUEST");
  Watch snapshot(*probe_, {});
  EXPECT_EQ(snapshot.Next(), "+catalogs/c");
}

TEST_F(FeedTest, DrainEndsWatches) {
  Watch watch(*probe_, {});
  ASSERT_EQ(watch.Next(), "=");
  module_->Drain();
  EXPECT_EQ(watch.Next(), "end");
  const absl::Status status = watch.End();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(status), "SERVER_DRAINING");
}

TEST_F(FeedTest, WhatIsMadeAnewUnderANameHasAnotherUid) {
  MakeCatalog(1);
  MakeRecommender(2);
  MakeCapture(false);
  v1::GetRecommenderRequest get;
  get.set_name("recommenders/r");
  v1::Recommender first;
  ASSERT_TRUE(Run(&Stub::GetRecommender, get, &first).ok());
  v1::GetCaptureRequest get_capture;
  get_capture.set_name("recommenders/r/captures/p");
  v1::Capture capture;
  ASSERT_TRUE(Run(&Stub::GetCapture, get_capture, &capture).ok());
  EXPECT_EQ(capture.recommender_uid(), first.uid());
  Delete("recommenders/r");
  MakeRecommender(2);
  v1::Recommender second;
  ASSERT_TRUE(Run(&Stub::GetRecommender, get, &second).ok());
  EXPECT_FALSE(second.uid().empty());
  EXPECT_NE(second.uid(), first.uid());
}

// Records of versions that had no uids.
TEST_F(FeedTest, WhatHasNoUidGetsOneWhenItIsOpened) {
  Stop();
  const std::string directory = folder_ + "/probe";
  const auto read = [&](Resources& resources) {
    return std::vector<std::string>{
        resources.catalogs().Get("catalogs/c")->message.uid(),
        resources.recommenders().Get("recommenders/r")->message.uid(),
        resources.captures().Get("recommenders/r/captures/p")->message.recommender_uid()};
  };
  {
    const auto resources = Resources::Open(directory);
    ASSERT_TRUE(resources.ok()) << resources.status();
    google::protobuf::Empty none;
    const absl::Status made =
        (*resources)
            ->store()
            .Mutate("Make", "", none, &none, [&](WriteBatch& batch) -> absl::Status {
              StoredCatalog catalog;
              catalog.message.set_name("catalogs/c");
              RECSAE_RETURN_IF_ERROR((*resources)->catalogs().Create(catalog, batch));
              StoredRecommender recommender;
              recommender.message.set_name("recommenders/r");
              recommender.message.set_catalog("catalogs/c");
              RECSAE_RETURN_IF_ERROR((*resources)->recommenders().Create(recommender, batch));
              StoredCapture capture;
              capture.message.set_name("recommenders/r/captures/p");
              return (*resources)->captures().Create(capture, batch);
            });
    ASSERT_TRUE(made.ok()) << made;
    EXPECT_THAT(read(**resources), ElementsAre("", "", ""));
  }
  std::vector<std::string> uids;
  for (int i = 0; i < 2; ++i) {  // once for good
    const auto resources = Resources::Open(directory);
    ASSERT_TRUE(resources.ok()) << resources.status();
    if (i == 1) {
      EXPECT_EQ(read(**resources), uids);
    }
    uids = read(**resources);
    EXPECT_FALSE(uids[0].empty());
    EXPECT_FALSE(uids[1].empty());
    EXPECT_EQ(uids[2], uids[1]);
  }
  Start();
}

TEST(ChangeLogTest, KeepsTheNewestAndSaysWhereItBegins) {
  ChangeLog log(2);
  int heard = 0;
  log.SetCallback([&heard] { ++heard; });
  log.Add({"catalogs/a", "catalogs/b"});
  log.Add({"catalogs/c"});
  log.Add({});
  EXPECT_EQ(heard, 2);
  EXPECT_EQ(log.revision(), 3);
  std::vector<std::pair<int64_t, std::string>> changes;
  EXPECT_EQ(Reason(log.Read(0, 10, &changes)), "REVISION_COMPACTED");
  EXPECT_TRUE(log.Read(1, 10, &changes).ok());
  EXPECT_THAT(changes, ElementsAre(Pair(2, "catalogs/b"), Pair(3, "catalogs/c")));
  changes.clear();
  EXPECT_TRUE(log.Read(1, 1, &changes).ok());
  EXPECT_THAT(changes, ElementsAre(Pair(2, "catalogs/b")));
  EXPECT_TRUE(log.Check(log.epoch(), 1).ok());
  EXPECT_EQ(Reason(log.Check("", 0)), "REVISION_COMPACTED");
  EXPECT_EQ(Reason(log.Check(log.epoch(), 4)), "REVISION_UNKNOWN");
  EXPECT_EQ(Reason(log.Check(ChangeLog().epoch(), 3)), "STORE_CHANGED");
}

}  // namespace
}  // namespace recsae::probe
