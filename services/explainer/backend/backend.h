// What every call and job of the explainer works with: the peers and what is cached of them.
#ifndef RECSAE_SERVICES_EXPLAINER_BACKEND_BACKEND_H_
#define RECSAE_SERVICES_EXPLAINER_BACKEND_BACKEND_H_

#include <memory>

#include "absl/status/status.h"
#include "common/budget/memory_budget.h"
#include "services/explainer/caches/concept_cache.h"
#include "services/explainer/caches/recommender_cache.h"
#include "services/explainer/caches/sae_cache.h"
#include "services/explainer/language/language_model.h"
#include "services/explainer/language/text_embedder.h"
#include "services/explainer/peers/peers.h"

namespace recsae::explainer {

// Thread-safe.
class Backend {
 public:
  // Caches and jobs share `memory`.
  Backend(std::shared_ptr<Peer> probe, std::shared_ptr<Peer> concept_store,
          MetricsRegistry& metrics, MemoryBudget& memory = MemoryBudget::Unlimited());
  ~Backend();

  // Starts to keep the caches fresh by the feeds of the concept-store and the probe.
  void Start();
  // OK once the feeds have filled the caches for the first time, or UNAVAILABLE (CACHES_NOT_FILLED)
  // naming the service whose feed is awaited.
  absl::Status Ready() const;
  // Ends that, and the calls that it has open; the caches stay as they are. Idempotent.
  void Stop();

  MemoryBudget& memory;
  Peers peers;
  ConceptCache concepts;
  SaeCache saes;
  RecommenderCache recommenders;
  // Null without an endpoint. Set before Start.
  std::unique_ptr<LanguageModel> language;
  std::unique_ptr<TextEmbedder> embedder;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_BACKEND_BACKEND_H_
