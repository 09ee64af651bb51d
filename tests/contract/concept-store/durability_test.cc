// Whatever was acknowledged survives a power loss: the store runs on a file system that then drops
// everything that was not synced.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/concept-store/store/sha256.h"
#include "services/concept-store/store/store.h"
#include "tests/contract/concept-store/power_loss_fs.h"
#include "tests/contract/concept-store/store_server.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

// What the store has acknowledged.
struct Acknowledged {
  std::mutex mutex;
  int writes = 0;
  std::vector<std::string> saes;
  // Description by latent of SAE "a", and the revision of that state.
  std::map<int32_t, std::string> concepts;
  std::map<int32_t, int64_t> revisions;
  int64_t last_revision = 0;
};

class DurabilityTest : public testing::Test {
 protected:
  DurabilityTest()
      : directory_(FreshDirectory()),
        files_(std::make_shared<PowerLossFileSystem>()),
        env_(rocksdb::NewCompositeEnv(files_)) {}

  void Open(bool sync) {
    auto store = Store::Open(directory_, {.env = env_.get(), .sync = sync});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void LosePower() {
    files_->CutPower();
    store_.reset();
    files_->LoseUnsynced();
  }

  absl::StatusOr<v1::Sae> PublishTo(const std::string& sae_id) {
    RECSAE_ASSIGN_OR_RETURN(const auto upload, store_->BeginPublish(SampleHeader(sae_id)));
    for (const auto& chunk : SampleWeights(SampleSae(), 3)) {
      RECSAE_RETURN_IF_ERROR(upload->Add(chunk));
    }
    return upload->Finish();
  }

  // One batch of half of the latents, all with the same new description.
  absl::StatusOr<v1::BatchUpsertConceptsResponse> Upsert(int32_t first,
                                                         const std::string& description) {
    v1::BatchUpsertConceptsRequest request;
    request.set_parent("saes/a");
    request.set_request_id(description);
    for (int32_t i = first; i < first + 8; ++i) {
      *request.add_concepts() = SampleConcept(i, description);
    }
    return store_->BatchUpsertConcepts(request);
  }

  // Publishes and writes until the power goes.
  void WriteConcepts(int32_t first, int round, Acknowledged* acknowledged) {
    for (int i = 0;; ++i) {
      const std::string description = absl::StrCat("round ", round, " write ", first, ".", i);
      const auto upserted = Upsert(first, description);
      if (!upserted.ok()) return;
      const std::lock_guard<std::mutex> lock(acknowledged->mutex);
      ++acknowledged->writes;
      for (const auto& state : upserted->concepts()) {
        acknowledged->concepts[state.latent()] = state.description();
        acknowledged->revisions[state.latent()] = state.revision();
        acknowledged->last_revision = std::max(acknowledged->last_revision, state.revision());
      }
    }
  }

  void PublishSaes(int round, Acknowledged* acknowledged) {
    for (int i = 0;; ++i) {
      const std::string sae_id = absl::StrCat("s", round, ".", i);
      if (!PublishTo(sae_id).ok()) return;
      const std::lock_guard<std::mutex> lock(acknowledged->mutex);
      ++acknowledged->writes;
      acknowledged->saes.push_back(sae_id);
    }
  }

  // Whether the SAE is there with the weights that were published.
  bool IsWhole(const std::string& name) {
    const auto sae = store_->GetSae(name);
    const auto reader = store_->ReadWeights(name);
    if (!sae.ok() || !reader.ok()) return false;
    std::string bytes;
    v1::SaeWeights piece;
    absl::StatusOr<bool> more = (*reader)->Next(&piece);
    for (; more.ok() && *more; more = (*reader)->Next(&piece)) bytes += piece.values().data();
    Sha256 hash;
    hash.Update(bytes);
    return more.ok() && bytes == HashedBytes(SampleSae()) && hash.Hex() == sae->weights_sha256();
  }

  // Things acknowledged that are not there.
  int CountLost(const Acknowledged& acknowledged) {
    int lost = 0;
    for (const std::string& sae_id : acknowledged.saes) {
      if (!IsWhole("saes/" + sae_id)) ++lost;
    }
    for (const auto& [latent, description] : acknowledged.concepts) {
      const auto state = store_->GetConcept(absl::StrCat("saes/a/concepts/", latent));
      // A later write that was not acknowledged may have made it to disk.
      const int64_t revision = acknowledged.revisions.at(latent);
      const bool kept =
          state.ok() && (state->revision() > revision ||
                         (state->revision() == revision && state->description() == description));
      if (!kept) ++lost;
    }
    if (store_->revision() < acknowledged.last_revision) ++lost;
    return lost;
  }

  // Nothing half-written: every SAE is whole, the latents of one batch agree, and the change log
  // ends in the state that the concepts have.
  void ExpectConsistent() {
    v1::ListSaesRequest all;
    all.set_page_size(1000);
    const auto listed = store_->ListSaes(all);
    ASSERT_TRUE(listed.ok()) << listed.status();
    for (const v1::Sae& sae : listed->saes()) EXPECT_TRUE(IsWhole(sae.name()));
    std::map<int32_t, std::string> logged;
    std::vector<v1::ConceptChange> changes;
    const auto read = store_->ReadChanges(0, "", size_t{1} << 30, &changes);
    ASSERT_TRUE(read.ok()) << read.status();
    int64_t revision = 0;
    for (const auto& change : changes) {
      EXPECT_EQ(change.revision(), ++revision);
      logged[change.latent_concept().latent()] = change.latent_concept().SerializeAsString();
    }
    EXPECT_EQ(revision, store_->revision());
    for (const auto& [latent, state] : logged) {
      const auto stored = store_->GetConcept(absl::StrCat("saes/a/concepts/", latent));
      ASSERT_TRUE(stored.ok()) << stored.status();
      EXPECT_EQ(stored->SerializeAsString(), state);
      const auto first = store_->GetConcept(absl::StrCat("saes/a/concepts/", latent / 8 * 8));
      ASSERT_TRUE(first.ok()) << first.status();
      EXPECT_EQ(stored->description(), first->description());
    }
  }

  // Writes from three threads until the power goes in the middle of it, after `writes` more.
  void WriteUntilPowerLoss(int round, int writes, Acknowledged* acknowledged) {
    const int until = acknowledged->writes + writes;
    std::vector<std::thread> threads;
    threads.emplace_back([&] { WriteConcepts(0, round, acknowledged); });
    threads.emplace_back([&] { WriteConcepts(8, round, acknowledged); });
    threads.emplace_back([&] { PublishSaes(round, acknowledged); });
    for (int done = 0; done < until;) {
      std::this_thread::yield();
      const std::lock_guard<std::mutex> lock(acknowledged->mutex);
      done = acknowledged->writes;
    }
    files_->CutPower();
    for (std::thread& thread : threads) thread.join();
    LosePower();
  }

  const std::string directory_;
  const std::shared_ptr<PowerLossFileSystem> files_;
  const std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<Store> store_;
};

TEST_F(DurabilityTest, WhatWasAcknowledgedSurvivesPowerLoss) {
  Acknowledged acknowledged;
  Open(/*sync=*/true);
  ASSERT_TRUE(PublishTo("a").ok());
  acknowledged.saes.push_back("a");
  std::mt19937 random(11);
  for (int round = 0; round < 6; ++round) {
    WriteUntilPowerLoss(round, 10 + static_cast<int>(random() % 50), &acknowledged);
    Open(/*sync=*/true);
    EXPECT_EQ(CountLost(acknowledged), 0) << "round " << round;
    ExpectConsistent();
  }
  EXPECT_GE(acknowledged.writes, 60);
}

TEST_F(DurabilityTest, AReplayAfterPowerLossGetsTheFirstAnswer) {
  Open(/*sync=*/true);
  ASSERT_TRUE(PublishTo("a").ok());
  const auto first = Upsert(0, "one");
  ASSERT_TRUE(first.ok());
  LosePower();
  Open(/*sync=*/true);
  const auto again = Upsert(0, "one");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(store_->revision(), 8);
}

TEST_F(DurabilityTest, ADeletionSurvivesPowerLoss) {
  Open(/*sync=*/true);
  ASSERT_TRUE(PublishTo("a").ok());
  ASSERT_TRUE(Upsert(0, "one").ok());
  v1::DeleteSaeRequest remove;
  remove.set_name("saes/a");
  ASSERT_TRUE(store_->DeleteSae(remove).ok());
  LosePower();
  Open(/*sync=*/true);
  EXPECT_EQ(Reason(store_->GetSae("saes/a").status()), "SAE_NOT_FOUND");
  EXPECT_EQ(store_->concepts(), 0);
  EXPECT_EQ(store_->revision(), 16);
}

// The same without syncs: were nothing lost here, the tests above could not fail.
TEST_F(DurabilityTest, WithoutSyncsPowerLossTakesAcknowledgedWrites) {
  Acknowledged acknowledged;
  Open(/*sync=*/true);
  ASSERT_TRUE(PublishTo("a").ok());
  store_.reset();
  Open(/*sync=*/false);
  WriteUntilPowerLoss(0, 20, &acknowledged);
  EXPECT_GT(files_->files_hurt(), 0);
  Open(/*sync=*/true);
  EXPECT_GT(CountLost(acknowledged), 0);
}

}  // namespace
}  // namespace recsae::concept_store
