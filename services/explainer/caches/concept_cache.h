// Which SAEs there are and what their latents mean, kept fresh by the concept-store's change feed.
#ifndef RECSAE_SERVICES_EXPLAINER_CACHES_CONCEPT_CACHE_H_
#define RECSAE_SERVICES_EXPLAINER_CACHES_CONCEPT_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "common/client/follower.h"
#include "common/rpc/metrics.h"
#include "common/sae/codes.h"
#include "services/explainer/attribution/personal.h"
#include "services/explainer/labeling/term_truth.h"
#include "services/explainer/peers/caller.h"
#include "services/explainer/peers/peers.h"
#include "services/explainer/steering/erasure.h"
#include "services/explainer/verification/firing.h"

namespace recsae::explainer {

// The part of a concept that explaining and steering need.
struct CachedConcept {
  int32_t latent = 0;
  std::string description;
  // Of the predictive test; 0 where it was not made.
  double correlation = 0;
  bool verified = false;
  // The lead latent of its group; its own where it says none.
  int32_t group = 0;
  // What its description says of items, where it was tested; empty where it was not, and for one
  // that says what items are not.
  SetTerms terms;
  // Mean activation over all rows that the concept was built from, firing or not.
  double mean = 0;
  // active_rows, mean, standard_deviation and level_thresholds alone.
  FiringStatistics statistics;

  static CachedConcept From(const concept_store::v1::Concept& latent_concept);
};

// A latent and its concept, null where it has none.
struct NamedLatent {
  int32_t latent = 0;
  std::shared_ptr<const CachedConcept> named;
};

// How a group of concepts, or a value of an attribute, is taken out of an activation.
struct KnownErasures {
  struct OfAttribute {
    std::string value;
    Erasure erasure;
  };
  std::map<int32_t, Erasure> groups;  // by lead
  std::vector<OfAttribute> attributes;

  static KnownErasures From(const concept_store::v1::Baseline& baseline);
};

// What tells an SAE from every other that had its name.
std::string VersionOf(const concept_store::v1::Sae& sae);

// Thread-safe. Follows the concept-store's feed; when the store cannot be reached it goes on with
// what it has.
class ConceptCache {
 public:
  ConceptCache(Peers& peers, MetricsRegistry& metrics);

  // Starts to follow the feed, once.
  void Start() { follower_.Start(); }
  // Ends that at once; what is here stays. Idempotent.
  void Stop() { follower_.Stop(); }
  // Whether its first snapshot is complete; it is used without one only as long as a call waits.
  bool filled() const { return follower_.cursor().has_value(); }

  // One for each of `latents`; null for a latent without a concept.
  std::vector<std::shared_ptr<const CachedConcept>> Lookup(
      const std::string& sae, absl::Span<const sae::LatentActivation> latents) const;
  std::shared_ptr<const CachedConcept> Lookup(const std::string& sae, int32_t latent) const;
  // All concepts of the group that `lead` leads, by latent; empty where there is none.
  std::vector<std::shared_ptr<const CachedConcept>> Group(const std::string& sae,
                                                          int32_t lead) const;

  // VersionOf the SAE that has this name; unset if none has, as far as the feed has told.
  std::optional<std::string> SaeVersion(const std::string& sae) const;

  // The means over users of the SAE of this name; null where none were set, as far as the feed has
  // told.
  std::shared_ptr<const BaselineMeans> Baseline(const std::string& sae) const;

  // What can be taken out of an activation of the SAE's; empty where nothing tells. Never null.
  std::shared_ptr<const KnownErasures> Erasures(const std::string& sae) const;

  // Waits, as long as the caller is alive, until all that was there at the start has arrived. OK
  // from then on. Before: the error of the feed, or UNAVAILABLE (FEED_STOPPED).
  absl::Status WaitUntilFilled(const Caller& caller) const;

  // Waits until the changes up to `revision` have arrived, at most 5 seconds.
  void WaitForRevision(int64_t revision, const Caller& caller) const;

 private:
  // Of one SAE.
  struct Dictionary {
    std::map<int32_t, std::shared_ptr<const CachedConcept>> concepts;  // by latent
    std::map<int32_t, std::set<int32_t>> groups;                       // latents by their lead

    void Set(std::shared_ptr<const CachedConcept> latent_concept);
    void Erase(int32_t latent);
  };
  struct State {
    std::map<std::string, Dictionary> dictionaries;  // by SAE
    size_t count = 0;
    std::map<std::string, std::string> saes;                                // their versions
    std::map<std::string, std::shared_ptr<const BaselineMeans>> baselines;  // by SAE
    std::map<std::string, std::shared_ptr<const KnownErasures>> erasures;

    void Apply(const concept_store::v1::ConceptChange& change);
  };

  // One stream of the feed.
  absl::Status Follow(Follower::Stream& stream);

  Peers& peers_;
  const Gauge size_;
  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  Follower follower_;  // last: it uses the others
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CACHES_CONCEPT_CACHE_H_
