// What a list of concepts is filtered and ordered by, for all concepts of one SAE, in memory.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_SEARCH_DIRECTORY_H_
#define RECSAE_SERVICES_CONCEPT_STORE_SEARCH_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::concept_store {

struct DirectoryEntry {
  double correlation = 0;  // of the predictive test
  double paper_confidence = 0;
  bool verified = false;
  bool leads = true;  // its group is listed by it
  int64_t active_rows = 0;
};

// Numbered as recsae.concept_store.v1.ListConceptsRequest.Order.
enum class ConceptOrder : int {
  kLatent = 0,
  kCorrelation = 1,
  kPaperConfidence = 2,
  kActiveRows = 3
};

struct DirectoryQuery {
  ConceptOrder order = ConceptOrder::kLatent;
  double min_correlation = 0;
  double min_paper_confidence = 0;
  bool verified_only = false;
  bool groups_only = false;
  // Where the page before ended, as DirectoryPage::positions gives it; empty = at the beginning.
  std::string position = {};
  size_t size = 0;
};

struct DirectoryPage {
  std::vector<int32_t> latents;
  // For each latent, the position at which a page that follows it starts.
  std::vector<std::string> positions;
  // Concepts that pass the filter.
  int32_t total = 0;
  // Whether concepts follow the last latent.
  bool more = false;
};

// Not thread-safe.
class ConceptDirectory {
 public:
  void Put(int32_t latent, const DirectoryEntry& entry) {
    entries_.insert_or_assign(entries_.end(), latent,
                              entry);  // often the last, when a store is read
  }
  void Remove(int32_t latent) { entries_.erase(latent); }
  const std::map<int32_t, DirectoryEntry>& entries() const { return entries_; }

  // A position names a place in the order, not a concept: what changes between two pages neither
  // repeats nor hides what did not change. INVALID_ARGUMENT (PAGE_TOKEN_INVALID) for a position
  // that was not made here.
  absl::StatusOr<DirectoryPage> List(const DirectoryQuery& query) const;

 private:
  std::map<int32_t, DirectoryEntry> entries_;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_SEARCH_DIRECTORY_H_
