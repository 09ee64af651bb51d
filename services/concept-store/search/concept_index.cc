#include "services/concept-store/search/concept_index.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/meaning/meaning_text.h"

namespace recsae::concept_store {
namespace {

Found ByWords(const std::vector<SearchHit>& hits) {
  Found found;
  for (const SearchHit& hit : hits) found.hits.push_back({hit.latent, hit.score, false, {}});
  return found;
}

Found Combine(const std::vector<SearchHit>& by_words, const Comparison& comparison,
              size_t max_results) {
  Found found;
  found.compared = static_cast<int32_t>(comparison.similarities.size());
  found.pending = comparison.pending;
  found.full = comparison.full;
  found.typical_similarity = comparison.typical_similarity;
  std::set<int32_t> taken;
  for (const SearchHit& hit : by_words) {
    const auto similarity = comparison.similarities.find(hit.latent);
    const bool compared = similarity != comparison.similarities.end();
    if (found.hits.size() == max_results) return found;
    if (!hit.words_known && compared) continue;  // meaning says where it stands
    taken.insert(hit.latent);
    found.hits.push_back({hit.latent, hit.score, false, std::nullopt});
    if (compared) found.hits.back().similarity = similarity->second;
  }
  for (const NearConcept& near : comparison.nearest) {
    if (found.hits.size() == max_results) break;
    if (taken.contains(near.latent)) continue;
    // Below 1, where the scores of words begin.
    const double score = std::clamp((1 + near.score) / 2, 0.0, 0.999);
    found.hits.push_back({near.latent, score, true, near.similarity});
  }
  return found;
}

}  // namespace

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
  summary.meaning = MeaningText(latent_concept);
  return summary;
}

void IndexEditor::AddSae(const std::string& sae_id, int32_t latents) {
  index_.mutex_.AssertHeld();
  index_.saes_[sae_id].latents = latents;
}

void IndexEditor::RemoveSae(const std::string& sae_id) {
  index_.mutex_.AssertHeld();
  const auto sae = index_.saes_.find(sae_id);
  if (sae == index_.saes_.end()) return;
  for (const std::string& text : sae->second.meaning.Texts()) index_.texts_->Drop(text);
  index_.saes_.erase(sae);
}

void IndexEditor::Put(const std::string& sae_id, const ConceptSummary& summary) {
  index_.mutex_.AssertHeld();
  const auto sae = index_.saes_.find(sae_id);
  if (sae == index_.saes_.end()) return;
  sae->second.directory.Put(summary.latent, summary.entry);
  sae->second.search.Put(summary.latent, summary.document);
  if (index_.texts_ == nullptr) return;
  // The new one before the old one goes: they may be the same.
  index_.texts_->Use(summary.meaning);
  index_.texts_->Drop(sae->second.meaning.TextOf(summary.latent));
  sae->second.meaning.Put(summary.latent, summary.meaning, summary.document.weight);
}

void IndexEditor::Remove(const std::string& sae_id, int32_t latent) {
  index_.mutex_.AssertHeld();
  const auto sae = index_.saes_.find(sae_id);
  if (sae == index_.saes_.end()) return;
  sae->second.directory.Remove(latent);
  sae->second.search.Remove(latent);
  if (index_.texts_ == nullptr) return;
  index_.texts_->Drop(sae->second.meaning.TextOf(latent));
  sae->second.meaning.Remove(latent);
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

Found ConceptIndex::Search(const std::string& sae_id, const std::vector<std::string>& words,
                           size_t max_results, const Embedding* query) const {
  const absl::ReaderMutexLock lock(&mutex_);
  const auto sae = saes_.find(sae_id);
  if (sae == saes_.end()) return {};
  const size_t concepts = sae->second.directory.entries().size();
  Found found = query == nullptr || texts_ == nullptr
                    ? ByWords(sae->second.search.Find(words, max_results))
                    : Combine(sae->second.search.Find(words, concepts),
                              sae->second.meaning.Compare(*texts_, *query), max_results);
  found.concepts = static_cast<int32_t>(concepts);
  return found;
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
