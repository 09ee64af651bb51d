// Recommenders read from the probe: their items and prediction heads.
#ifndef RECSAE_SERVICES_EXPLAINER_CACHES_RECOMMENDER_CACHE_H_
#define RECSAE_SERVICES_EXPLAINER_CACHES_RECOMMENDER_CACHE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/call_once.h"
#include "absl/status/statusor.h"
#include "common/budget/cache.h"
#include "common/messages/probe_messages.h"
#include "common/ranking/list_quality.h"
#include "common/ranking/prediction_head.h"
#include "common/rpc/metrics.h"
#include "services/explainer/caches/resource_feed.h"
#include "services/explainer/labeling/item_features.h"
#include "services/explainer/peers/caller.h"
#include "services/explainer/peers/peers.h"

namespace recsae::explainer {

// How popular the items of a recommender are, and the direction in which popular ones gain.
struct KnownPopularity {
  ItemPopularity items;
  std::vector<double> direction;  // PopularityDirection; empty where there is none
};

// Items are numbered in catalogue order. With a head they are those that it scores.
struct LoadedRecommender {
  // As the probe describes it.
  probe::v1::Recommender resource;
  std::vector<std::string> item_ids;
  std::vector<ItemText> texts;
  ItemNumbers item_of_id;
  std::optional<PredictionHead> head;
  // Training interactions of each item; empty where they are not known.
  std::vector<int64_t> training_counts;

  // Of training_counts; worked out when it is first asked for, and kept.
  const KnownPopularity& Popularity() const;

  // -1 for an id that is not there.
  int32_t Item(const std::string& id) const {
    const auto found = item_of_id.find(id);
    return found == item_of_id.end() ? -1 : found->second;
  }

 private:
  struct LazyPopularity {
    absl::once_flag once;
    std::optional<KnownPopularity> known;
  };
  std::shared_ptr<LazyPopularity> lazy_popularity_ = std::make_shared<LazyPopularity>();
};

// Thread-safe. What is here is known by name and version, and the version that counts is the
// feed's, or the probe's own where the feed does not know it.
class RecommenderCache {
 public:
  // Recommenders are kept within `memory`.
  RecommenderCache(Peers& peers, MetricsRegistry& metrics, MemoryBudget& memory);

  // Starts to follow the probe's feed, once.
  void Start() { feed_.Start(); }
  // Whether the feed's first snapshot is complete.
  bool filled() const { return feed_.filled(); }
  // Ends that at once; what is here stays. Idempotent.
  void Stop() { feed_.Stop(); }

  // NOT_FOUND (RECOMMENDER_NOT_FOUND), RESOURCE_EXHAUSTED (MEMORY_BUDGET) and what else the probe
  // answers.
  absl::StatusOr<std::shared_ptr<const LoadedRecommender>> Get(const std::string& name,
                                                               const Caller& caller);

  // The same where item vectors are needed: FAILED_PRECONDITION (NO_PREDICTION_HEAD) without.
  absl::StatusOr<std::shared_ptr<const LoadedRecommender>> GetWithHead(const std::string& name,
                                                                       const Caller& caller);

 private:
  // By name and version.
  using Cache = WeighedCache<std::pair<std::string, std::string>, LoadedRecommender>;

  absl::StatusOr<Cache::Loaded> Load(const std::string& name, const Caller& caller);

  Peers& peers_;
  ResourceFeed feed_;
  MemoryBudget& memory_;
  Cache cache_;
};

// FAILED_PRECONDITION (NO_PREDICTION_HEAD): the items of this recommender cannot be scored. An
// empty name: it is not known which recommender an SAE explains.
absl::Status NoPredictionHead(const std::string& recommender);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CACHES_RECOMMENDER_CACHE_H_
