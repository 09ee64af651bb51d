#include "services/concept-store/feed/watch.h"

#include <utility>

#include "common/base/status.h"

namespace recsae::concept_store {

using v1::ConceptChange;

ConceptWatch::ConceptWatch(const Store& store, WatchStart start)
    : store_(store),
      start_(std::move(start)),
      read_(start_.revision),
      caught_up_at_(store.revision()) {
  snapshot_.done = !start_.snapshot;
}

absl::StatusOr<std::unique_ptr<WatchSource<ConceptChange>>> ConceptWatch::Begin(
    const Store& store, const v1::WatchConceptsRequest& request) {
  RECSAE_ASSIGN_OR_RETURN(WatchStart start, store.BeginWatch(request));
  return std::unique_ptr<WatchSource<ConceptChange>>(new ConceptWatch(store, std::move(start)));
}

bool ConceptWatch::HasMore() const {
  return !snapshot_.done || !caught_up_ || read_ < store_.revision();
}

absl::Status ConceptWatch::Read(size_t max_bytes, std::vector<ConceptChange>* changes) {
  RECSAE_RETURN_IF_ERROR(ReadNext(max_bytes, changes));
  for (ConceptChange& change : *changes) change.set_epoch(store_.epoch());
  return absl::OkStatus();
}

absl::Status ConceptWatch::ReadNext(size_t max_bytes, std::vector<ConceptChange>* changes) {
  if (!snapshot_.done) {
    RECSAE_RETURN_IF_ERROR(store_.ReadSnapshot(start_.sae_id, max_bytes, &snapshot_, changes));
    // What changed while it was read comes before CAUGHT_UP.
    caught_up_at_ = store_.revision();
    return absl::OkStatus();
  }
  RECSAE_ASSIGN_OR_RETURN(read_, store_.ReadChanges(read_, start_.sae_id, max_bytes, changes));
  if (!caught_up_ && read_ >= caught_up_at_) {
    caught_up_ = true;
    ConceptChange& change = changes->emplace_back();
    change.set_type(ConceptChange::TYPE_CAUGHT_UP);
    change.set_revision(read_);
  }
  return absl::OkStatus();
}

}  // namespace recsae::concept_store
