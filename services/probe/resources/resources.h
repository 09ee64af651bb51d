// All that the probe owns, in one database, and the rules that hold across kinds of resources.
#ifndef RECSAE_SERVICES_PROBE_RESOURCES_RESOURCES_H_
#define RECSAE_SERVICES_PROBE_RESOURCES_RESOURCES_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/budget/memory_budget.h"
#include "common/storage/environment.h"
#include "services/probe/captures/capture_store.h"
#include "services/probe/resources/catalog_store.h"
#include "services/probe/resources/prediction_head.h"
#include "services/probe/resources/recommender_store.h"
#include "services/probe/store/store.h"

namespace recsae::probe {

// Thread-safe. The calls that take a batch add to it and are made under Store::mutex() (see
// Store::Mutate).
class Resources {
 public:
  // What is kept in memory of them is kept within `memory`. Errors as Store::Open.
  static absl::StatusOr<std::unique_ptr<Resources>> Open(
      const std::string& directory, MemoryBudget& memory = MemoryBudget::Unlimited(),
      const Environment& environment = {});

  Store& store() { return *store_; }
  CatalogStore& catalogs() { return catalogs_; }
  RecommenderStore& recommenders() { return recommenders_; }
  CaptureStore& captures() { return captures_; }

  // FAILED_PRECONDITION (CATALOG_IN_USE) while a recommender uses it.
  absl::Status DeleteCatalog(absl::string_view name, WriteBatch& batch);
  // FAILED_PRECONDITION (RECOMMENDER_IN_USE) while it has captures, which `force` deletes too.
  absl::Status DeleteRecommender(absl::string_view name, bool force, WriteBatch& batch);
  absl::Status DeleteCapture(absl::string_view name, WriteBatch& batch);

  // Registers an external recommender; its catalogue must be there.
  absl::Status CreateRecommender(const v1::Recommender& recommender, WriteBatch& batch);
  // Makes an empty capture; fills in dim. Its recommender must be there.
  absl::Status CreateCapture(absl::string_view recommender, v1::Capture& capture,
                             WriteBatch& batch);

  // Gives the recommender the written head, durable on return, and returns it as it is then. An
  // equal head that is there already is fine; FAILED_PRECONDITION (HEAD_EXISTS) if it differs.
  absl::StatusOr<v1::Recommender> SetHead(const StoredRecommender& recommender, HeadWriter& writer);

 private:
  Resources(std::unique_ptr<Store> store, MemoryBudget& memory);
  // Gives incarnations to what versions before them have stored.
  absl::Status AssignUids();

  std::unique_ptr<Store> store_;
  CatalogStore catalogs_;
  RecommenderStore recommenders_;
  CaptureStore captures_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RESOURCES_RESOURCES_H_
