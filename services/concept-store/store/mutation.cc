#include "services/concept-store/store/mutation.h"

#include "absl/strings/str_cat.h"
#include "common/messages/time.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/search/concept_index.h"
#include "services/concept-store/store/layout.h"

namespace recsae::concept_store {

Mutation::Mutation(WriteBatch& batch, int64_t revision, absl::Time now)
    : batch_(batch), revision_(revision), now_(now) {}

void Mutation::Upsert(const std::string& sae_id, v1::Concept* latent_concept) {
  ++revision_;
  latent_concept->set_name(ConceptName(sae_id, latent_concept->latent()));
  latent_concept->set_revision(revision_);
  latent_concept->set_etag(absl::StrCat(absl::Hex(revision_, absl::kZeroPad16)));
  *latent_concept->mutable_update_time() = ToTimestamp(now_);
  if (!latent_concept->has_create_time()) {
    *latent_concept->mutable_create_time() = latent_concept->update_time();
  }

  v1::ConceptChange change;
  change.set_type(v1::ConceptChange::TYPE_UPSERTED);
  change.set_revision(revision_);
  *change.mutable_latent_concept() = *latent_concept;
  batch_.Put(kConceptFamily, ConceptKey(sae_id, latent_concept->latent()),
             latent_concept->SerializeAsString());
  LogConcept(sae_id, change);
  effects_.emplace_back([sae_id, summary = Summarize(*latent_concept)](IndexEditor& index) {
    index.Put(sae_id, summary);
  });
}

void Mutation::Remove(const std::string& sae_id, int32_t latent) {
  ++revision_;
  v1::ConceptChange change;
  change.set_type(v1::ConceptChange::TYPE_DELETED);
  change.set_revision(revision_);
  change.mutable_latent_concept()->set_name(ConceptName(sae_id, latent));
  change.mutable_latent_concept()->set_latent(latent);
  batch_.Delete(kConceptFamily, ConceptKey(sae_id, latent));
  LogConcept(sae_id, change);
  effects_.emplace_back([sae_id, latent](IndexEditor& index) { index.Remove(sae_id, latent); });
}

void Mutation::SetBaseline(const std::string& sae_id, v1::Baseline* baseline) {
  ++revision_;
  baseline->set_revision(revision_);
  *baseline->mutable_update_time() = ToTimestamp(now_);

  v1::ConceptChange change;
  change.set_type(v1::ConceptChange::TYPE_BASELINE_SET);
  change.set_revision(revision_);
  *change.mutable_baseline() = *baseline;
  batch_.Put(kBaselineFamily, sae_id, baseline->SerializeAsString());
  Log(sae_id, change);
}

void Mutation::LogPublished(const std::string& sae_id, const v1::Sae& sae) {
  ++revision_;
  v1::ConceptChange change;
  change.set_type(v1::ConceptChange::TYPE_SAE_PUBLISHED);
  change.set_revision(revision_);
  *change.mutable_sae() = sae;
  Log(sae_id, change);
}

void Mutation::LogRemoved(const std::string& sae_id) {
  ++revision_;
  v1::ConceptChange change;
  change.set_type(v1::ConceptChange::TYPE_SAE_DELETED);
  change.set_revision(revision_);
  change.mutable_sae()->set_name(SaeName(sae_id));
  Log(sae_id, change);
}

void Mutation::Log(const std::string& sae_id, const v1::ConceptChange& change) {
  batch_.Put(kChangeFamily, ChangeKey(revision_),
             absl::StrCat(SaePrefix(sae_id), change.SerializeAsString()));
}

void Mutation::LogConcept(const std::string& sae_id, const v1::ConceptChange& change) {
  Log(sae_id, change);
  batch_.Put(kHistoryFamily, HistoryKey(sae_id, change.latent_concept().latent(), revision_), "");
}

void Mutation::ApplyTo(IndexEditor& index) const {
  for (const auto& effect : effects_) effect(index);
}

}  // namespace recsae::concept_store
