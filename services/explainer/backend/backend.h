// What every call and job of the explainer works with: the peers and what is cached of them.
#ifndef RECSAE_SERVICES_EXPLAINER_BACKEND_BACKEND_H_
#define RECSAE_SERVICES_EXPLAINER_BACKEND_BACKEND_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "common/budget/memory_budget.h"
#include "services/explainer/caches/concept_cache.h"
#include "services/explainer/caches/recommender_cache.h"
#include "services/explainer/caches/sae_cache.h"
#include "services/explainer/peers/peers.h"

namespace recsae::explainer {

// Thread-safe.
class Backend {
 public:
  // Caches and jobs share `memory`.
  Backend(std::shared_ptr<Peer> probe, std::shared_ptr<Peer> concept_store,
          MetricsRegistry& metrics, MemoryBudget& memory = MemoryBudget::Unlimited());
  ~Backend();

  // Starts to keep the caches fresh: concepts by the change feed, the rest by asking every few
  // seconds whether it is still there.
  void Start();
  // Ends that; the caches stay as they are. Idempotent.
  void Stop();

  MemoryBudget& memory;
  Peers peers;
  SaeCache saes;
  RecommenderCache recommenders;
  ConceptCache concepts;

 private:
  void RefreshUntilStopped();

  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread refresher_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_BACKEND_BACKEND_H_
