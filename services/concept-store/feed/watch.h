// What a WatchConcepts call sends: the snapshot, then the change log from there on.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_FEED_WATCH_H_
#define RECSAE_SERVICES_CONCEPT_STORE_FEED_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/log_watch.h"
#include "common/rpc/watch_hub.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/store.h"

namespace recsae::concept_store {

// See LogWatch. `store` must outlive it.
class ConceptWatch final : public LogWatch<v1::ConceptChange> {
 public:
  // Errors as Store::BeginWatch.
  static absl::StatusOr<std::unique_ptr<WatchSource<v1::ConceptChange>>> Begin(
      const Store& store, const v1::WatchConceptsRequest& request);

 private:
  ConceptWatch(const Store& store, const WatchStart& start);
  std::string Epoch() const override { return store_.epoch(); }
  int64_t LastRevision() const override { return store_.revision(); }
  absl::StatusOr<bool> ReadSnapshot(size_t max_bytes,
                                    std::vector<v1::ConceptChange>* changes) override;
  absl::StatusOr<int64_t> ReadLog(int64_t since, size_t max_bytes,
                                  std::vector<v1::ConceptChange>* changes) override;

  const Store& store_;
  const std::string sae_id_;
  SnapshotCursor snapshot_;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_FEED_WATCH_H_
