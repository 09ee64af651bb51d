// What the store keeps in memory to answer lists and searches: for each SAE its size, the order of
// its concepts and the words in them. Rebuilt when the store is opened.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_SEARCH_CONCEPT_INDEX_H_
#define RECSAE_SERVICES_CONCEPT_STORE_SEARCH_CONCEPT_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "services/concept-store/meaning/meaning_index.h"
#include "services/concept-store/meaning/meaning_texts.h"
#include "services/concept-store/search/directory.h"
#include "services/concept-store/search/search_index.h"

namespace recsae::concept_store::v1 {
class Concept;
}  // namespace recsae::concept_store::v1

namespace recsae::concept_store {

// What the index takes from a concept.
struct ConceptSummary {
  int32_t latent = 0;
  DirectoryEntry entry;
  SearchDocument document;
  std::string meaning;  // MeaningText
};

// What a search found, and how far meaning had a part in it.
struct Found {
  struct Hit {
    int32_t latent = 0;
    double score = 0;
    bool by_meaning = false;
    std::optional<double> similarity;
  };
  std::vector<Hit> hits;
  int32_t concepts = 0;  // of the SAE; of these:
  int32_t compared = 0;
  int32_t pending = 0;
  int32_t full = 0;
  std::optional<double> typical_similarity;
};

ConceptSummary Summarize(const v1::Concept& latent_concept);

// Thread-safe. An SAE that is not there has no concepts.
class ConceptIndex {
 public:
  // `texts`, where given, is told what the concepts say; it outlives the index.
  explicit ConceptIndex(MeaningTexts* texts = nullptr) : texts_(texts) {}

  // F of the SAE; nothing if there is no such SAE.
  std::optional<int32_t> Latents(const std::string& sae_id) const;
  // Latents that have a concept, ascending.
  std::vector<int32_t> ConceptsOf(const std::string& sae_id) const;
  absl::StatusOr<DirectoryPage> List(const std::string& sae_id, const DirectoryQuery& query) const;
  // Those with most words first, where each word stands in some concept; then those with most words
  // that could not be compared with `query`, an embedding of length 1; then by how near to it they
  // are. By words alone without `query`.
  Found Search(const std::string& sae_id, const std::vector<std::string>& words, size_t max_results,
               const Embedding* query = nullptr) const;

  int64_t saes() const;
  int64_t concepts() const;

 private:
  friend class IndexEditor;

  struct SaeState {
    int32_t latents = 0;
    ConceptDirectory directory;
    SearchIndex search;
    MeaningIndex meaning;  // empty without texts_
  };

  MeaningTexts* const texts_;
  mutable absl::Mutex mutex_;
  std::map<std::string, SaeState> saes_ ABSL_GUARDED_BY(mutex_);
};

// Changes an index; readers see all changes of one editor or none. Keep it for a moment only.
class ABSL_SCOPED_LOCKABLE IndexEditor {
 public:
  explicit IndexEditor(ConceptIndex& index) ABSL_EXCLUSIVE_LOCK_FUNCTION(index.mutex_)
      : index_(index) {
    index_.mutex_.Lock();
  }
  ~IndexEditor() ABSL_UNLOCK_FUNCTION() { index_.mutex_.Unlock(); }
  IndexEditor(const IndexEditor&) = delete;
  IndexEditor& operator=(const IndexEditor&) = delete;

  void AddSae(const std::string& sae_id, int32_t latents);
  void RemoveSae(const std::string& sae_id);
  // Nothing happens if there is no such SAE.
  void Put(const std::string& sae_id, const ConceptSummary& summary);
  void Remove(const std::string& sae_id, int32_t latent);

 private:
  ConceptIndex& index_;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_SEARCH_CONCEPT_INDEX_H_
