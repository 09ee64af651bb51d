// The concept-store loses nothing that it acknowledged.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/store.h"
#include "tests/contract/power-loss/power_loss.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

class ConceptStoreSubject : public Subject {
 public:
  absl::Status Open(const std::string& directory, const Environment& environment) override {
    StoreOptions options;
    options.environment = environment;
    options.kept_changes = 100;  // so that compaction meets the cuts
    RECSAE_ASSIGN_OR_RETURN(store_, Store::Open(directory, options));
    return absl::OkStatus();
  }
  void Close() override { store_.reset(); }

  void Work(Random& random, const std::function<bool()>& counts) override {
    if (saes_.count("a") == 0) Publish("a", counts);
    const int round = ++rounds_;
    const bool remove = random.Below(4) == 0;
    std::vector<std::thread> threads;
    for (const int32_t first : {0, 8}) {
      threads.emplace_back(
          [=, this] { Upsert(first, absl::StrCat("round ", round, " from ", first), counts); });
    }
    threads.emplace_back([=, this] { SetBaseline(round, counts); });
    threads.emplace_back([=, this] {
      SetControl(round, counts);
      if (remove) DeleteControl((round + 3) % 8, counts);
    });
    threads.emplace_back([=, this] {
      Publish(absl::StrCat("s", round), counts);
      if (remove) Delete(absl::StrCat("s", round), counts);
    });
    for (std::thread& thread : threads) thread.join();
  }

  std::string FindLost() override {
    for (const std::string& sae_id : saes_) {
      if (!IsWhole("saes/" + sae_id)) return "SAE " + sae_id;
    }
    for (const std::string& sae_id : deleted_) {
      if (store_->GetSae("saes/" + sae_id).ok()) return "the deletion of SAE " + sae_id;
    }
    for (const auto& [latent, kept] : concepts_) {
      const auto state = store_->GetConcept(absl::StrCat("saes/a/concepts/", latent));
      if (!state.ok()) return absl::StrCat("concept ", latent);
      // A later write that was not acknowledged may have made it to disk.
      if (state->revision() < kept.revision() ||
          (state->revision() == kept.revision() && state->description() != kept.description())) {
        return absl::StrCat("concept ", latent, " as \"", kept.description(), "\"");
      }
    }
    if (const std::string lost = FindLostBaseline(); !lost.empty()) return lost;
    if (const std::string lost = FindLostControl(); !lost.empty()) return lost;
    if (store_->revision() < last_revision_) return "the last revision";
    for (const auto& [description, response] : responses_) {
      const auto again =
          store_->BatchUpsertConcepts(Request(description.first, description.second));
      if (!again.ok() || again->SerializeAsString() != response) {
        return absl::StrCat("the first answer to ", description.second);
      }
    }
    return FindHalf();
  }

 private:
  static v1::BatchUpsertConceptsRequest Request(int32_t first, const std::string& description) {
    v1::BatchUpsertConceptsRequest request;
    request.set_parent("saes/a");
    request.set_request_id(description);
    for (int32_t i = first; i < first + 8; ++i) {
      *request.add_concepts() = SampleConcept(i, description);
    }
    return request;
  }

  void Upsert(int32_t first, const std::string& description, const std::function<bool()>& counts) {
    const auto upserted = store_->BatchUpsertConcepts(Request(first, description));
    if (!upserted.ok() || !counts()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const v1::Concept& state : upserted->concepts()) {
      concepts_[state.latent()] = state;
      last_revision_ = std::max(last_revision_, state.revision());
    }
    responses_[{first, description}] = upserted->SerializeAsString();
  }

  void SetBaseline(int round, const std::function<bool()>& counts) {
    v1::SetBaselineRequest request;
    request.mutable_baseline()->set_sae("saes/a");
    request.mutable_baseline()->set_row_count(round);
    WriteVector(std::vector<float>(4, static_cast<float>(round)),
                request.mutable_baseline()->mutable_activation());
    *request.mutable_baseline()->mutable_reconstruction() = request.baseline().activation();
    const auto set = store_->SetBaseline(request);
    if (!set.ok() || !counts()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    baseline_ = *set;
    last_revision_ = std::max(last_revision_, set->revision());
  }

  // A later one that was not acknowledged may have taken its place.
  std::string FindLostBaseline() {
    v1::GetBaselineRequest request;
    request.set_parent("saes/a");
    const auto state = store_->GetBaseline(request);
    if (baseline_.revision() == 0) return "";
    if (!state.ok() || state->revision() < baseline_.revision()) return "the baseline";
    const bool same = state->SerializeAsString() == baseline_.SerializeAsString();
    return state->revision() > baseline_.revision() || same ? "" : "the baseline as it was";
  }

  // Those of eight concepts take each other's place.
  void SetControl(int round, const std::function<bool()>& counts) {
    v1::CreateControlRequest request;
    request.set_parent("saes/a");
    request.mutable_control()->set_user_id("ann");
    request.mutable_control()->set_lead_latent(8 + round % 8);
    request.mutable_control()->set_polarity(v1::Control::POLARITY_MORE);
    const auto set = store_->CreateControl(request);
    if (!set.ok() || !counts()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    controls_[round % 8] = set->control();
  }

  void DeleteControl(int place, const std::function<bool()>& counts) {
    v1::DeleteControlRequest request;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto kept = controls_.extract(place);
      if (kept.empty()) return;
      request.set_name(kept.mapped().name());
    }
    if (!store_->DeleteControl(request).ok() || !counts()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    deleted_controls_.insert(request.name());
  }

  std::string FindLostControl() {
    v1::ListControlsRequest request;
    request.set_parent("saes/a");
    const auto listed = store_->ListControls(request);
    if (!listed.ok()) return controls_.empty() ? "" : listed.status().ToString();
    std::map<int32_t, v1::Control> present;
    for (const v1::Control& control : listed->controls()) {
      if (deleted_controls_.count(control.name()) > 0) return "a control's deletion";
      if (!present.emplace(control.lead_latent(), control).second) return "half of a replacement";
    }
    for (const auto& [place, kept] : controls_) {
      const auto found = present.find(kept.lead_latent());
      // A later one that was not acknowledged may have taken its place; names ascend.
      if (found == present.end() || found->second.name() < kept.name()) {
        return absl::StrCat("the control of concept ", kept.lead_latent());
      }
    }
    return "";
  }

  void Publish(const std::string& sae_id, const std::function<bool()>& counts) {
    const auto upload = store_->BeginPublish(SampleHeader(sae_id));
    if (!upload.ok()) return;
    for (const auto& chunk : SampleWeights(SampleSae(), 3)) {
      if (!(*upload)->Add(chunk).ok()) return;
    }
    if (!(*upload)->Finish().ok() || !counts()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    saes_.insert(sae_id);
  }

  void Delete(const std::string& sae_id, const std::function<bool()>& counts) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (saes_.erase(sae_id) == 0) return;
    }
    v1::DeleteSaeRequest request;
    request.set_name("saes/" + sae_id);
    if (!store_->DeleteSae(request).ok() || !counts()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    deleted_.insert(sae_id);
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

  // Every SAE is whole, the latents of one batch agree, and the change log ends in the state that
  // the concepts have.
  std::string FindHalf() {
    v1::ListSaesRequest all;
    all.set_page_size(1000);
    const auto listed = store_->ListSaes(all);
    if (!listed.ok()) return listed.status().ToString();
    for (const v1::Sae& sae : listed->saes()) {
      if (!IsWhole(sae.name())) return "half of " + sae.name();
    }
    std::map<int32_t, std::string> logged;
    std::vector<v1::ConceptChange> changes;
    int64_t revision = store_->floor();
    const auto read = store_->ReadChanges(revision, "", size_t{1} << 30, &changes);
    if (!read.ok()) return read.status().ToString();
    for (const auto& change : changes) {
      if (change.revision() != ++revision) return absl::StrCat("revision ", revision);
      if (!change.has_latent_concept()) continue;
      logged[change.latent_concept().latent()] = change.latent_concept().SerializeAsString();
    }
    if (revision != store_->revision()) return "the end of the log";
    for (const auto& [latent, state] : logged) {
      const auto stored = store_->GetConcept(absl::StrCat("saes/a/concepts/", latent));
      const auto first = store_->GetConcept(absl::StrCat("saes/a/concepts/", latent / 8 * 8));
      if (!stored.ok() || !first.ok() || stored->SerializeAsString() != state ||
          stored->description() != first->description()) {
        return absl::StrCat("half of the batch of concept ", latent);
      }
    }
    return "";
  }

  std::unique_ptr<Store> store_;
  int rounds_ = 0;
  std::mutex mutex_;
  std::set<std::string> saes_;
  std::set<std::string> deleted_;
  std::map<int32_t, v1::Concept> concepts_;
  v1::Baseline baseline_;
  std::map<int, v1::Control> controls_;
  std::set<std::string> deleted_controls_;
  std::map<std::pair<int32_t, std::string>, std::string> responses_;
  int64_t last_revision_ = 0;
};

std::unique_ptr<Subject> Make() { return std::make_unique<ConceptStoreSubject>(); }

TEST(ConceptStorePowerLossTest, NothingAcknowledgedIsLost) { ExpectNothingIsLost(Make); }
TEST(ConceptStorePowerLossTest, WithoutSyncsThingsAreLost) { ExpectLossesWithoutSyncs(Make); }
TEST(ConceptStorePowerLossTest, WritesThatFailAreErrors) { ExpectFaultsAreErrors(Make); }

}  // namespace
}  // namespace recsae::concept_store
