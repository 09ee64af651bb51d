// SAEs read from the concept-store, ready to encode.
#ifndef RECSAE_SERVICES_EXPLAINER_CACHES_SAE_CACHE_H_
#define RECSAE_SERVICES_EXPLAINER_CACHES_SAE_CACHE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/budget/cache.h"
#include "common/rpc/metrics.h"
#include "common/sae/model.h"
#include "services/explainer/caches/concept_cache.h"
#include "services/explainer/peers/caller.h"
#include "services/explainer/peers/peers.h"

namespace recsae::explainer {

struct LoadedSae {
  // "saes/{sae}".
  std::string name;
  // "recommenders/{recommender}" whose activations it was trained on, and that recommender's uid
  // then; empty when not known.
  std::string recommender;
  std::string recommender_uid;
  // Probe site whose activations it reads; empty = the vector just before scoring.
  std::string probe_site;
  sae::SaeModel model;
};

// Thread-safe. An SAE never changes, but its name may come to mean another one: what is here is
// known by name and version, and the version that counts is the feed's, or the store's own where
// the feed knows none of that name.
class SaeCache {
 public:
  // `concepts` must outlive it. SAEs are kept within `memory`.
  SaeCache(Peers& peers, const ConceptCache& concepts, MetricsRegistry& metrics,
           MemoryBudget& memory);

  // INVALID_ARGUMENT for a malformed name, NOT_FOUND (SAE_NOT_FOUND), FAILED_PRECONDITION
  // (SAE_ARCHITECTURE_UNKNOWN), DATA_LOSS (WEIGHTS_INCOMPLETE) when the weights do not add up,
  // RESOURCE_EXHAUSTED (MEMORY_BUDGET), and what the store answers.
  absl::StatusOr<std::shared_ptr<const LoadedSae>> Get(const std::string& name,
                                                       const Caller& caller);

 private:
  Peers& peers_;
  const ConceptCache& concepts_;

  using Cache =
      WeighedCache<std::pair<std::string, std::string>, LoadedSae>;  // by name and version

  absl::StatusOr<Cache::Loaded> Load(const std::string& name, const Caller& caller);

  MemoryBudget& memory_;
  Cache cache_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CACHES_SAE_CACHE_H_
