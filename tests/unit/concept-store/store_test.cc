#include "services/concept-store/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/messages/time.h"
#include "common/storage/database.h"
#include "services/concept-store/store/layout.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class StoreTest : public testing::Test {
 protected:
  StoreTest()
      : directory_(absl::StrCat(testing::TempDir(), "/store_test.",
                                testing::UnitTest::GetInstance()->current_test_info()->name(), ".",
                                getpid())) {
    std::filesystem::remove_all(directory_);
    Open();
  }

  void Open() {
    store_.reset();
    auto store = Store::Open(directory_, options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  absl::StatusOr<v1::Sae> Publish(const std::string& sae_id) {
    RECSAE_ASSIGN_OR_RETURN(const auto upload, store_->BeginPublish(SampleHeader(sae_id)));
    for (const v1::SaeWeights& chunk : SampleWeights(SampleSae(), 5)) {
      RECSAE_RETURN_IF_ERROR(upload->Add(chunk));
    }
    return upload->Finish();
  }

  absl::StatusOr<v1::Concept> Create(const std::string& parent, int32_t latent,
                                     const std::string& description) {
    v1::CreateConceptRequest request;
    request.set_parent(parent);
    *request.mutable_latent_concept() = SampleConcept(latent, description);
    return store_->CreateConcept(request);
  }

  // Keys of a family; closes the store while it looks.
  size_t CountKeys(const char* family) {
    store_.reset();
    DatabaseOptions options;
    options.service = "concept-store";
    size_t keys = 0;
    {
      const auto database = Database::Open(directory_, options);
      EXPECT_TRUE(database.ok()) << database.status();
      for (auto scan = (*database)->Scan(family, ""); scan->Valid(); scan->Next()) ++keys;
    }
    Open();
    return keys;
  }
  // Staged and published.
  size_t CountWeightKeys() { return CountKeys(kWeightFamily); }

  std::string directory_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ABrokenUploadLeavesNothing) {
  {
    const auto upload = store_->BeginPublish(SampleHeader("a"));
    ASSERT_TRUE(upload.ok());
    ASSERT_TRUE((*upload)->Add(SampleWeights(SampleSae(), 5)[0]).ok());
  }
  EXPECT_EQ(CountWeightKeys(), 0U);
  ASSERT_TRUE(Publish("a").ok());
  EXPECT_EQ(CountWeightKeys(), 4U + 4U + 4U + 1U);
}

TEST_F(StoreTest, WhatAKilledProcessStagedIsRemovedAtOpen) {
  ASSERT_TRUE(Publish("a").ok());
  store_.reset();
  {
    DatabaseOptions options;
    options.service = "concept-store";
    const auto database = Database::Open(directory_, options);
    ASSERT_TRUE(database.ok());
    for (const uint64_t upload : {0, 2, 77}) {
      for (int row = 0; row < 3; ++row) {
        ASSERT_TRUE((*database)
                        ->Put(kWeightFamily, WeightKey(upload, WeightArray::kDecoder, row), "left")
                        .ok());
      }
    }
  }
  Open();
  EXPECT_EQ(CountWeightKeys(), 13U);
  const auto reader = store_->ReadWeights("saes/a");
  ASSERT_TRUE(reader.ok());
  std::string bytes;
  v1::SaeWeights piece;
  for (auto more = (*reader)->Next(&piece); *more; more = (*reader)->Next(&piece)) {
    bytes += piece.values().data();
  }
  EXPECT_EQ(bytes, HashedBytes(SampleSae()));
}

TEST_F(StoreTest, OfTwoUploadsOfANameOneWins) {
  const auto one = store_->BeginPublish(SampleHeader("a"));
  const auto other = store_->BeginPublish(SampleHeader("a"));
  ASSERT_TRUE(one.ok());
  ASSERT_TRUE(other.ok());
  const auto chunks = SampleWeights(SampleSae(), 5);
  const auto other_chunks = SampleWeights(SampleSae(), 5, 2);
  for (size_t i = 0; i < chunks.size(); ++i) {
    ASSERT_TRUE((*one)->Add(chunks[i]).ok());
    ASSERT_TRUE((*other)->Add(other_chunks[i]).ok());
  }
  const auto published = (*other)->Finish();
  ASSERT_TRUE(published.ok());
  EXPECT_EQ(Reason((*one)->Finish().status()), "SAE_EXISTS");
  EXPECT_EQ(store_->GetSae("saes/a")->weights_sha256(), published->weights_sha256());
}

TEST_F(StoreTest, AReaderOfADeletedSaeIsTold) {
  v1::PublishSaeRequest::Header header = SampleHeader("a");
  header.mutable_sae()->set_activation_dim(1000);
  header.mutable_sae()->set_latent_count(1000);
  const auto upload = store_->BeginPublish(header);
  ASSERT_TRUE(upload.ok());
  for (const auto& chunk : SampleWeights(header.sae(), 100)) {
    ASSERT_TRUE((*upload)->Add(chunk).ok());
  }
  ASSERT_TRUE((*upload)->Finish().ok());
  const auto reader = store_->ReadWeights("saes/a");
  v1::SaeWeights piece;
  ASSERT_TRUE(*(*reader)->Next(&piece));
  v1::DeleteSaeRequest remove;
  remove.set_name("saes/a");
  ASSERT_TRUE(store_->DeleteSae(remove).ok());
  ASSERT_TRUE(Publish("a").ok());
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) more = (*reader)->Next(&piece);
  EXPECT_EQ(Reason(more.status()), "SAE_NOT_FOUND");
}

TEST_F(StoreTest, RevisionsGoOnAfterAReopen) {
  ASSERT_TRUE(Publish("a").ok());
  EXPECT_EQ(store_->revision(), 1);
  EXPECT_EQ(Create("saes/a", 1, "one")->revision(), 2);
  Open();
  EXPECT_EQ(store_->revision(), 2);
  EXPECT_EQ(store_->saes(), 1);
  EXPECT_EQ(store_->concepts(), 1);
  EXPECT_EQ(Create("saes/a", 2, "two")->revision(), 3);
  // A write that fails uses no revision.
  EXPECT_FALSE(Create("saes/a", 2, "again").ok());
  EXPECT_EQ(Create("saes/a", 3, "three")->revision(), 4);
  v1::DeleteConceptRequest remove;
  remove.set_name("saes/a/concepts/3");
  ASSERT_TRUE(store_->DeleteConcept(remove).ok());
  Open();
  EXPECT_EQ(store_->revision(), 5);
  EXPECT_EQ(store_->concepts(), 2);
}

TEST_F(StoreTest, ChangesAreReadInBoundedPieces) {
  ASSERT_TRUE(Publish("a").ok());
  ASSERT_TRUE(Publish("b").ok());
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(Create(i % 2 == 0 ? "saes/a" : "saes/b", i, absl::StrCat("c", i)).ok());
  }
  std::vector<int64_t> revisions;
  int64_t read = 2;  // the SAEs
  while (read < store_->revision()) {
    std::vector<v1::ConceptChange> changes;
    const auto next = store_->ReadChanges(read, "", 1, &changes);
    ASSERT_TRUE(next.ok()) << next.status();
    ASSERT_GT(*next, read);
    EXPECT_EQ(changes.size(), 1U);
    for (const auto& change : changes) revisions.push_back(change.revision());
    read = *next;
  }
  EXPECT_THAT(revisions, ElementsAre(3, 4, 5, 6, 7, 8, 9, 10));

  std::vector<v1::ConceptChange> changes;
  EXPECT_EQ(*store_->ReadChanges(0, "b", 1 << 20, &changes), 10);
  ASSERT_EQ(changes.size(), 5U);
  EXPECT_EQ(changes[0].revision(), 2);
  EXPECT_EQ(changes[1].revision(), 4);
  changes.clear();
  EXPECT_EQ(*store_->ReadChanges(10, "b", 1 << 20, &changes), 10);
  EXPECT_THAT(changes, IsEmpty());
}

TEST_F(StoreTest, TellsOfEveryWrite) {
  int writes = 0;
  store_->SetWriteCallback([&] { ++writes; });
  ASSERT_TRUE(Publish("a").ok());
  ASSERT_TRUE(Create("saes/a", 1, "one").ok());
  EXPECT_FALSE(Create("saes/a", 1, "one").ok());
  EXPECT_EQ(writes, 2);
}

TEST_F(StoreTest, AnAnswerTooLargeForAMessageIsRefusedBeforeItIsWritten) {
  v1::PublishSaeRequest::Header header = SampleHeader("a");
  header.mutable_sae()->set_latent_count(100);
  const auto upload = store_->BeginPublish(header);
  ASSERT_TRUE(upload.ok());
  for (const auto& chunk : SampleWeights(header.sae(), 100)) {
    ASSERT_TRUE((*upload)->Add(chunk).ok());
  }
  ASSERT_TRUE((*upload)->Finish().ok());
  v1::BatchUpsertConceptsRequest request;
  request.set_parent("saes/a");
  for (int i = 0; i < 70; ++i) {
    *request.add_concepts() = SampleConcept(i, "large");
    request.mutable_concepts(i)->mutable_evidence(0)->set_recommended_item_id(
        std::string(60000, 'x'));
  }
  EXPECT_EQ(Reason(store_->BatchUpsertConcepts(request).status()), "RESPONSE_TOO_LARGE");
  EXPECT_EQ(store_->revision(), 1);
  request.mutable_concepts()->DeleteSubrange(60, 10);
  EXPECT_TRUE(store_->BatchUpsertConcepts(request).ok());
  EXPECT_EQ(store_->revision(), 61);
}

TEST_F(StoreTest, TheLogIsCompactedAndHistoriesStayWhole) {
  options_.kept_changes = 10;
  Open();
  ASSERT_TRUE(Publish("a").ok());
  ASSERT_TRUE(Publish("b").ok());
  ASSERT_TRUE(Create("saes/a", 1, "0").ok());
  ASSERT_TRUE(Create("saes/b", 1, "gone").ok());
  v1::DeleteSaeRequest remove;
  remove.set_name("saes/b");
  ASSERT_TRUE(store_->DeleteSae(remove).ok());
  v1::UpdateConceptRequest update;
  update.mutable_latent_concept()->set_name("saes/a/concepts/1");
  update.mutable_update_mask()->add_paths("description");
  for (int i = 1; i <= 40; ++i) {
    update.mutable_latent_concept()->set_description(absl::StrCat(i));
    ASSERT_TRUE(store_->UpdateConcept(update).ok());
    EXPECT_GE(store_->floor(), store_->revision() - 11);
    if (i == 20) {
      const int64_t floor = store_->floor();
      Open();
      EXPECT_EQ(store_->floor(), floor);
    }
  }
  EXPECT_EQ(store_->revision(), 46);
  EXPECT_EQ(store_->floor(), 35);
  std::vector<v1::ConceptChange> changes;
  EXPECT_EQ(Reason(store_->ReadChanges(34, "", 1 << 20, &changes).status()), "REVISION_COMPACTED");
  EXPECT_EQ(*store_->ReadChanges(35, "", 1 << 20, &changes), 46);
  EXPECT_EQ(changes.size(), 11U);
  v1::WatchConceptsRequest watch;
  watch.set_since_revision(34);
  const absl::Status refused = store_->BeginWatch(watch).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Reason(refused), "REVISION_COMPACTED");
  EXPECT_THAT(Metadata(refused), ElementsAre(testing::Pair("floor", "35")));
  watch.set_since_revision(35);
  EXPECT_TRUE(store_->BeginWatch(watch).ok());

  v1::ListConceptRevisionsRequest request;
  request.set_name("saes/a/concepts/1");
  request.set_page_size(1000);
  const auto history = store_->ListConceptRevisions(request);
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->changes_size(), 41);
  for (int i = 0; i <= 40; ++i) {
    EXPECT_EQ(history->changes(i).latent_concept().description(), absl::StrCat(40 - i));
  }
  // What was removed with its SAE is not brought back.
  ASSERT_TRUE(Publish("b").ok());
  request.set_name("saes/b/concepts/1");
  EXPECT_EQ(Reason(store_->ListConceptRevisions(request).status()), "CONCEPT_NOT_FOUND");
}

// A store whose time stands where it is put.
class ControlTest : public StoreTest {
 protected:
  ControlTest() {
    options_.now = [this] { return now_; };
    Open();
    EXPECT_TRUE(Publish("a").ok());
  }

  absl::StatusOr<v1::CreateControlResponse> Set(const std::string& user_id, int32_t latent,
                                                absl::Duration lasts) {
    v1::CreateControlRequest request;
    request.set_parent("saes/a");
    request.mutable_control()->set_user_id(user_id);
    request.mutable_control()->set_lead_latent(latent);
    request.mutable_control()->set_polarity(v1::Control::POLARITY_LESS);
    if (lasts < absl::InfiniteDuration()) {
      *request.mutable_control()->mutable_expire_time() = ToTimestamp(now_ + lasts);
    }
    return store_->CreateControl(request);
  }

  int CountShown(bool show_expired) {
    v1::ListControlsRequest request;
    request.set_parent("saes/a");
    request.set_page_size(1000);
    request.set_show_expired(show_expired);
    return store_->ListControls(request)->controls_size();
  }

  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

TEST_F(ControlTest, ExpiredOnesAreKeptForADay) {
  const auto set = Set("ann", 1, absl::Minutes(1));
  ASSERT_TRUE(set.ok()) << set.status();
  now_ += absl::Seconds(59);
  EXPECT_EQ(CountShown(false), 1);
  now_ += absl::Seconds(1);
  EXPECT_EQ(CountShown(false), 0);
  EXPECT_EQ(CountShown(true), 1);
  now_ += absl::Hours(24);
  EXPECT_EQ(CountShown(true), 0);
  v1::DeleteControlRequest remove;
  remove.set_name(set->control().name());
  EXPECT_EQ(Reason(store_->DeleteControl(remove)), "CONTROL_NOT_FOUND");
}

TEST_F(ControlTest, DeletedOnesCanBeHadAgainForADay) {
  v1::DeleteControlRequest remove;
  v1::UndeleteControlRequest undo;
  const auto remove_of = [&](const absl::StatusOr<v1::CreateControlResponse>& set) {
    remove.set_name(set->control().name());
    undo.set_name(set->control().name());
    return store_->DeleteControl(remove);
  };
  ASSERT_TRUE(remove_of(Set("ann", 1, absl::InfiniteDuration())).ok());
  EXPECT_EQ(CountKeys(kControlEndFamily), 1U);
  now_ += absl::Hours(23);
  EXPECT_EQ(CountShown(false), 0);
  ASSERT_TRUE(store_->UndeleteControl(undo).ok());
  EXPECT_EQ(CountShown(false), 1);
  EXPECT_EQ(CountKeys(kControlEndFamily), 0U);
  now_ += absl::Hours(48);
  EXPECT_EQ(CountShown(false), 1);

  ASSERT_TRUE(store_->DeleteControl(remove).ok());
  now_ += absl::Hours(24);
  EXPECT_EQ(CountShown(true), 0);
  EXPECT_EQ(Reason(store_->UndeleteControl(undo).status()), "CONTROL_NOT_FOUND");
  now_ += absl::Seconds(2);
  ASSERT_TRUE(Set("bob", 1, absl::InfiniteDuration()).ok());
  EXPECT_EQ(CountKeys(kControlFamily), 1U);
  EXPECT_EQ(CountKeys(kControlEndFamily), 0U);

  ASSERT_TRUE(remove_of(Set("ann", 1, absl::Hours(1))).ok());
  now_ += absl::Hours(2);
  EXPECT_EQ(Reason(store_->UndeleteControl(undo).status()), "CONTROL_EXPIRED");
}

TEST_F(ControlTest, OfWhatWasReplacedNothingIsHadAgain) {
  const auto first = Set("ann", 1, absl::InfiniteDuration());
  v1::DeleteControlRequest remove;
  remove.set_name(first->control().name());
  ASSERT_TRUE(store_->DeleteControl(remove).ok());
  // A new one of the concept leaves nothing of the deleted one.
  ASSERT_TRUE(Set("ann", 1, absl::InfiniteDuration()).ok());
  v1::UndeleteControlRequest undo;
  undo.set_name(first->control().name());
  EXPECT_EQ(Reason(store_->UndeleteControl(undo).status()), "CONTROL_NOT_FOUND");
  EXPECT_EQ(CountKeys(kControlFamily), 1U);
}

TEST_F(ControlTest, WritesTakeOutWhatExpiredADayAgo) {
  for (int user = 0; user < 50; ++user) {
    ASSERT_TRUE(Set(absl::StrCat("user ", user), 1, absl::Minutes(1)).ok());
  }
  ASSERT_TRUE(Set("ann", 1, absl::Hours(100)).ok());
  ASSERT_TRUE(Set("ann", 2, absl::InfiniteDuration()).ok());
  EXPECT_EQ(CountKeys(kControlFamily), 52U);
  EXPECT_EQ(CountKeys(kControlEndFamily), 51U);
  now_ += absl::Hours(24);
  ASSERT_TRUE(Set("bob", 1, absl::InfiniteDuration()).ok());
  EXPECT_EQ(CountKeys(kControlFamily), 53U);  // not yet
  now_ += absl::Minutes(2);
  // Each adds one and takes out 20 at most.
  for (const auto& [latent, left] : {std::pair(2, 34U), {3, 15U}, {4, 6U}}) {
    ASSERT_TRUE(Set("bob", latent, absl::InfiniteDuration()).ok());
    EXPECT_EQ(CountKeys(kControlFamily), left);
  }
  EXPECT_EQ(CountKeys(kControlEndFamily), 1U);
  EXPECT_EQ(CountKeys(kControlUserFamily), 6U);
  EXPECT_EQ(CountShown(false), 6);
}

TEST_F(ControlTest, NothingIsLeftOfThoseOfARemovedSae) {
  for (int user = 0; user < 5; ++user) {
    ASSERT_TRUE(Set(absl::StrCat("user ", user), 1, absl::Minutes(1)).ok());
  }
  v1::DeleteSaeRequest remove;
  remove.set_name("saes/a");
  ASSERT_TRUE(store_->DeleteSae(remove).ok());
  EXPECT_EQ(CountKeys(kControlFamily), 0U);
  EXPECT_EQ(CountKeys(kControlUserFamily), 0U);
  ASSERT_TRUE(Publish("a").ok());
  now_ += absl::Hours(25);
  ASSERT_TRUE(Set("bob", 1, absl::InfiniteDuration()).ok());
  EXPECT_EQ(CountKeys(kControlEndFamily), 0U);
  EXPECT_EQ(CountKeys(kControlFamily), 1U);
}

TEST_F(StoreTest, RefusesTheDirectoryOfAnotherService) {
  store_.reset();
  const std::string other = directory_ + ".other";
  std::filesystem::remove_all(other);
  {
    DatabaseOptions options;
    options.service = "probe";
    ASSERT_TRUE(Database::Open(other, options).ok());
  }
  EXPECT_EQ(Reason(Store::Open(other).status()), "STORE_OF_OTHER_SERVICE");
}

}  // namespace
}  // namespace recsae::concept_store
