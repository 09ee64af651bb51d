#include "services/concept-store/feed/watch.h"

#include "common/base/status.h"

namespace recsae::concept_store {

using v1::ConceptChange;

ConceptWatch::ConceptWatch(const Store& store, const WatchStart& start)
    : LogWatch(start.snapshot, start.revision), store_(store), sae_id_(start.sae_id) {}

absl::StatusOr<std::unique_ptr<WatchSource<ConceptChange>>> ConceptWatch::Begin(
    const Store& store, const v1::WatchConceptsRequest& request) {
  RECSAE_ASSIGN_OR_RETURN(const WatchStart start, store.BeginWatch(request));
  return std::unique_ptr<WatchSource<ConceptChange>>(new ConceptWatch(store, start));
}

absl::StatusOr<bool> ConceptWatch::ReadSnapshot(size_t max_bytes,
                                                std::vector<ConceptChange>* changes) {
  RECSAE_RETURN_IF_ERROR(store_.ReadSnapshot(sae_id_, max_bytes, &snapshot_, changes));
  return snapshot_.done;
}

absl::StatusOr<int64_t> ConceptWatch::ReadLog(int64_t since, size_t max_bytes,
                                              std::vector<ConceptChange>* changes) {
  return store_.ReadChanges(since, sae_id_, max_bytes, changes);
}

}  // namespace recsae::concept_store
