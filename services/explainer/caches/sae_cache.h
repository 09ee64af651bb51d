// SAEs read from the concept-store, ready to encode.
#ifndef RECSAE_SERVICES_EXPLAINER_CACHES_SAE_CACHE_H_
#define RECSAE_SERVICES_EXPLAINER_CACHES_SAE_CACHE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/sae/model.h"
#include "services/explainer/caches/loading_cache.h"
#include "services/explainer/peers/peers.h"

namespace recsae::explainer {

struct LoadedSae {
  // "saes/{sae}".
  std::string name;
  // "recommenders/{recommender}" whose activations it was trained on; empty when not known.
  std::string recommender;
  // Probe site whose activations it reads; empty = the vector just before scoring.
  std::string probe_site;
  std::string weights_sha256;
  sae::SaeModel model;
};

// Thread-safe. SAEs never change, so what is here is valid until it is deleted at the store.
class SaeCache {
 public:
  SaeCache(Peers& peers, MetricsRegistry& metrics);

  // INVALID_ARGUMENT for a malformed name, NOT_FOUND (SAE_NOT_FOUND), FAILED_PRECONDITION
  // (SAE_ARCHITECTURE_UNKNOWN), DATA_LOSS (WEIGHTS_INCOMPLETE) when the weights do not add up, and
  // what the store answers.
  absl::StatusOr<std::shared_ptr<const LoadedSae>> Get(const std::string& name,
                                                       const Caller& caller);

  // Forgets SAEs that the store no longer has under their names. Those that it cannot be asked
  // about stay.
  void Refresh(const Caller& caller);

 private:
  Peers& peers_;
  LoadingCache<LoadedSae> cache_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CACHES_SAE_CACHE_H_
