// The models of hosted recommenders, loaded when they are first needed.
#ifndef RECSAE_SERVICES_PROBE_MODELS_HOSTED_MODELS_H_
#define RECSAE_SERVICES_PROBE_MODELS_HOSTED_MODELS_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/resources/recommender_store.h"
#include "services/probe/store/recent_cache.h"

namespace recsae::probe {

// Thread-safe.
class HostedModels {
 public:
  explicit HostedModels(RecommenderStore& recommenders) : recommenders_(recommenders) {}

  // FAILED_PRECONDITION (RECOMMENDER_NOT_HOSTED) for an external recommender.
  static absl::Status CheckHosted(const StoredRecommender& recommender);

  // Errors: CheckHosted, DATA_LOSS (RECOMMENDER_CORRUPT).
  absl::StatusOr<std::shared_ptr<const Recommender>> Get(const StoredRecommender& recommender);

 private:
  RecommenderStore& recommenders_;
  RecentCache<uint64_t, Recommender> models_{2};
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_MODELS_HOSTED_MODELS_H_
