// What every call and job of the explainer works with: the peers and what is cached of them.
#ifndef RECSAE_SERVICES_EXPLAINER_BACKEND_BACKEND_H_
#define RECSAE_SERVICES_EXPLAINER_BACKEND_BACKEND_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "services/explainer/caches/concept_cache.h"
#include "services/explainer/caches/recommender_cache.h"
#include "services/explainer/caches/sae_cache.h"
#include "services/explainer/peers/peers.h"

namespace recsae::explainer {

// Thread-safe.
class Backend {
 public:
  Backend(std::shared_ptr<Peer> probe, std::shared_ptr<Peer> concept_store,
          MetricsRegistry& metrics);
  ~Backend();

  // Starts to keep the caches fresh: concepts by the change feed, the rest by asking every few
  // seconds whether it is still there.
  void Start();
  // Ends that, and the calls that it has open; the caches stay as they are. Idempotent.
  void Stop();

  Peers peers;
  SaeCache saes;
  RecommenderCache recommenders;
  ConceptCache concepts;

 private:
  void RefreshUntilStopped();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::stop_source stop_;
  std::thread refresher_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_BACKEND_BACKEND_H_
