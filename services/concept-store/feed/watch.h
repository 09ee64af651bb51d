// What a WatchConcepts call sends: the snapshot, then the change log from there on.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_FEED_WATCH_H_
#define RECSAE_SERVICES_CONCEPT_STORE_FEED_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/watch_hub.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/store.h"

namespace recsae::concept_store {

// See WatchSource. `store` must outlive it.
class ConceptWatch final : public WatchSource<v1::ConceptChange> {
 public:
  // Errors as Store::BeginWatch.
  static absl::StatusOr<std::unique_ptr<WatchSource<v1::ConceptChange>>> Begin(
      const Store& store, const v1::WatchConceptsRequest& request);

  absl::Status Read(size_t max_bytes, std::vector<v1::ConceptChange>* changes) override;
  bool HasMore() const override;

 private:
  ConceptWatch(const Store& store, WatchStart start);
  absl::Status ReadNext(size_t max_bytes, std::vector<v1::ConceptChange>* changes);

  const Store& store_;
  const WatchStart start_;
  SnapshotCursor snapshot_;
  int64_t read_;          // how far the log was read
  int64_t caught_up_at_;  // the revision that CAUGHT_UP waits for
  bool caught_up_ = false;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_FEED_WATCH_H_
