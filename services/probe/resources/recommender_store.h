// Recommenders on disk: their records, prediction heads, and the models of hosted ones.
#ifndef RECSAE_SERVICES_PROBE_RESOURCES_RECOMMENDER_STORE_H_
#define RECSAE_SERVICES_PROBE_RESOURCES_RECOMMENDER_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/budget/cache.h"
#include "common/budget/paging.h"
#include "recsae/probe/v1/probe.pb.h"
#include "services/probe/resources/prediction_head.h"
#include "services/probe/store/resource_table.h"
#include "services/probe/store/store.h"

namespace recsae::probe {

using StoredRecommender = Stored<v1::Recommender>;

// What a user of the data set touched that a recommender was trained on.
struct UserPast {
  int32_t index = -1;  // in the training data; -1 = unknown
  // Whether the rest is known: recommenders of version 0.1 and imported ones do not have it.
  bool known = false;
  int32_t trained = 0;         // of `items`, the first ones, which were trained on
  std::vector<int32_t> items;  // positions in the catalogue, oldest first; no held-out test item
};

// Thread-safe. Names are "recommenders/{recommender}"; every call that takes one returns
// INVALID_ARGUMENT (RESOURCE_NAME_INVALID) or NOT_FOUND (RECOMMENDER_NOT_FOUND) for a bad one.
class RecommenderStore {
 public:
  // Prediction heads are kept within `memory`.
  RecommenderStore(Store& store, MemoryBudget& memory);

  absl::StatusOr<StoredRecommender> Get(absl::string_view name) const;
  absl::StatusOr<std::vector<StoredRecommender>> List(const Page& page, std::string* next) const;
  // The name of a recommender that uses the catalogue; empty if none does.
  absl::StatusOr<std::string> FirstUsing(absl::string_view catalog) const;
  // ALREADY_EXISTS (RECOMMENDER_EXISTS) if the recommender is there.
  absl::Status CheckFree(absl::string_view name) const;

  // The three below add to a batch of a caller that holds Store::mutex().
  // Errors: CheckFree. Gives the recommender a uid unless it has one.
  absl::Status Create(StoredRecommender recommender, WriteBatch& batch);
  void Put(const StoredRecommender& recommender, WriteBatch& batch) const;
  void Delete(const StoredRecommender& recommender, WriteBatch& batch);

  // Adds uids to the recommenders of versions that had none. Returns all, by name.
  absl::StatusOr<std::map<std::string, std::string>> AssignUids(WriteBatch& batch) const;

  // Waits for another caller who reads it, as long as `alive`. FAILED_PRECONDITION
  // (NO_PREDICTION_HEAD), RESOURCE_EXHAUSTED (MEMORY_BUDGET).
  absl::StatusOr<std::shared_ptr<const PredictionHead>> Head(
      const StoredRecommender& recommender,
      absl::FunctionRef<absl::Status()> alive = NeverGone) const;

  // Stores what a hosted recommender is made of under the uid of a staged write, unsynced.
  // `past_of`: of a user by index.
  static absl::Status PutModel(Database& db, uint64_t uid, absl::string_view model,
                               absl::Span<const std::string> user_ids,
                               absl::FunctionRef<UserPast(size_t user)> past_of);
  // No model has more bytes than this says.
  absl::StatusOr<int64_t> ModelBytes(const StoredRecommender& recommender) const;
  // `most`: its ModelBytes.
  absl::StatusOr<std::string> Model(const StoredRecommender& recommender, int64_t most) const;
  // Of all users in the training data, by index.
  absl::StatusOr<std::vector<std::string>> UserIds(const StoredRecommender& recommender) const;
  // Indices of users in the training data, -1 for unknown ones.
  absl::StatusOr<std::vector<int32_t>> UserIndices(const StoredRecommender& recommender,
                                                   absl::Span<const std::string> user_ids) const;
  // The same with what each user touched.
  absl::StatusOr<std::vector<UserPast>> UserPasts(const StoredRecommender& recommender,
                                                  absl::Span<const std::string> user_ids) const;
  // How many training interactions each of the catalogue's first `items` items has; empty where the
  // past of a user is not known, or there are no users. Reads what all users touched, and ends with
  // what `alive` says unless it is OK.
  absl::StatusOr<std::vector<int64_t>> TrainingCounts(
      const StoredRecommender& recommender, int64_t items,
      absl::FunctionRef<absl::Status()> alive) const;

 private:
  using Heads = WeighedCache<uint64_t, PredictionHead>;  // by head_uid

  Store& store_;
  MemoryBudget& memory_;
  ResourceTable<v1::Recommender> table_;
  mutable Heads heads_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RESOURCES_RECOMMENDER_STORE_H_
