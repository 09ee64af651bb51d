#include "services/concept-store/search/concept_index.h"

#include <algorithm>
#include <cmath>

#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::concept_store {

ConceptSummary Summarize(const v1::Concept& latent_concept) {
  ConceptSummary summary;
  summary.latent = latent_concept.latent();
  summary.entry.correlation = latent_concept.tests().predictive().correlation();
  summary.entry.paper_confidence = latent_concept.paper_score().confidence();
  summary.entry.verified = latent_concept.tests().verified();
  summary.entry.leads = !latent_concept.has_group() ||
                        latent_concept.group().lead_latent() == latent_concept.latent();
  summary.entry.active_rows = latent_concept.statistics().active_row_count();
  summary.document.description = latent_concept.description();
  for (const v1::Term& term : latent_concept.terms()) {
    summary.document.terms.push_back(term.text());
  }
  // Of concepts that say the same, the one is meant that can be trusted and that fires: a latent
  // seen a handful of times has little to steer with.
  const double trust = std::max(latent_concept.tests().predictive().correlation_low(), 0.0);
  summary.document.weight =
      (0.5 + trust) * std::log2(2.0 + static_cast<double>(summary.entry.active_rows));
  summary.document.correlation = summary.entry.correlation;
  return summary;
}

void IndexEditor::AddSae(const std::string& sae_id, int32_t latents) {
  index_.mutex_.AssertHeld();
  index_.saes_[sae_id].latents = latents;
}

void IndexEditor::RemoveSae(const std::string& sae_id) {
  index_.mutex_.AssertHeld();
  index_.saes_.erase(sae_id);
}

void IndexEditor::Put(const std::string& sae_id, const ConceptSummary& summary) {
  index_.mutex_.AssertHeld();
  const auto sae = index_.saes_.find(sae_id);
  if (sae == index_.saes_.end()) return;
  sae->second.directory.Put(summary.latent, summary.entry);
  sae->second.search.Put(summary.latent, summary.document);
}

void IndexEditor::Remove(const std::string& sae_id, int32_t latent) {
  index_.mutex_.AssertHeld();
  const auto sae = index_.saes_.find(sae_id);
  if (sae == index_.saes_.end()) return;
  sae->second.directory.Remove(latent);
  sae->second.search.Remove(latent);
}

std::optional<int32_t> ConceptIndex::Latents(const std::string& sae_id) const {
  const absl::ReaderMutexLock lock(&mutex_);
  const auto sae = saes_.find(sae_id);
  if (sae == saes_.end()) return std::nullopt;
  return sae->second.latents;
}

std::vector<int32_t> ConceptIndex::ConceptsOf(const std::string& sae_id) const {
  const absl::ReaderMutexLock lock(&mutex_);
  std::vector<int32_t> latents;
  const auto sae = saes_.find(sae_id);
  if (sae == saes_.end()) return latents;
  for (const auto& [latent, entry] : sae->second.directory.entries()) latents.push_back(latent);
  return latents;
}

absl::StatusOr<DirectoryPage> ConceptIndex::List(const std::string& sae_id,
                                                 const DirectoryQuery& query) const {
  const absl::ReaderMutexLock lock(&mutex_);
  const auto sae = saes_.find(sae_id);
  if (sae == saes_.end()) return DirectoryPage();
  return sae->second.directory.List(query);
}

std::vector<SearchHit> ConceptIndex::Search(const std::string& sae_id,
                                            const std::vector<std::string>& words,
                                            size_t max_results) const {
  const absl::ReaderMutexLock lock(&mutex_);
  const auto sae = saes_.find(sae_id);
  if (sae == saes_.end()) return {};
  return sae->second.search.Find(words, max_results);
}

int64_t ConceptIndex::saes() const {
  const absl::ReaderMutexLock lock(&mutex_);
  return static_cast<int64_t>(saes_.size());
}

int64_t ConceptIndex::concepts() const {
  const absl::ReaderMutexLock lock(&mutex_);
  int64_t concepts = 0;
  for (const auto& [id, sae] : saes_) {
    concepts += static_cast<int64_t>(sae.directory.entries().size());
  }
  return concepts;
}

}  // namespace recsae::concept_store
