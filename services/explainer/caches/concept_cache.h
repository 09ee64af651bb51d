// What the latents of all SAEs mean, kept fresh by the concept-store's change feed.
#ifndef RECSAE_SERVICES_EXPLAINER_CACHES_CONCEPT_CACHE_H_
#define RECSAE_SERVICES_EXPLAINER_CACHES_CONCEPT_CACHE_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/rpc/metrics.h"
#include "common/sae/codes.h"
#include "services/explainer/peers/caller.h"
#include "services/explainer/peers/peers.h"
#include "services/explainer/verification/verifier.h"

namespace recsae::explainer {

// The part of a concept that explaining and steering need.
struct CachedConcept {
  std::string description;
  // By the larger protocol.
  double confidence = 0;
  bool verified = false;
  // standard_deviation and level_thresholds alone.
  FiringStatistics statistics;

  static CachedConcept From(const concept_store::v1::Concept& latent_concept);
};

// Thread-safe. One thread follows WatchConcepts; when the store cannot be reached it goes on with
// what it has and comes back, with growing waits, at the last revision it saw.
class ConceptCache {
 public:
  ConceptCache(Peers& peers, MetricsRegistry& metrics);
  ~ConceptCache();
  ConceptCache(const ConceptCache&) = delete;
  ConceptCache& operator=(const ConceptCache&) = delete;

  // Starts to follow the feed, once.
  void Start();
  // Ends that; what is here stays. Idempotent.
  void Stop();

  // One for each of `latents`; null for a latent without a concept.
  std::vector<std::shared_ptr<const CachedConcept>> Lookup(
      const std::string& sae, absl::Span<const sae::LatentActivation> latents) const;
  std::shared_ptr<const CachedConcept> Lookup(const std::string& sae, int32_t latent) const;

  // Waits, as long as the caller is alive, until all changes that were there at the start have
  // arrived. Gives up with the error of the feed (OK once they have arrived).
  absl::Status WaitUntilFilled(const Caller& caller) const;

  // Waits until the changes up to `revision` have arrived, at most 5 seconds.
  void WaitForRevision(int64_t revision, const Caller& caller) const;

 private:
  void Follow();
  // One stream, from the last revision until it breaks.
  absl::Status FollowOnce();
  void Apply(const concept_store::v1::ConceptChange& change);

  Peers& peers_;
  const Gauge size_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // By SAE, then latent.
  std::map<std::string, std::map<int32_t, std::shared_ptr<const CachedConcept>>> concepts_;
  size_t count_ = 0;
  int64_t revision_ = 0;
  bool filled_ = false;
  // Why the last stream ended; OK while the first has not.
  absl::Status broken_;
  bool stopping_ = false;
  // The stream that is open, for Stop.
  grpc::ClientContext* stream_ = nullptr;
  std::thread thread_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CACHES_CONCEPT_CACHE_H_
