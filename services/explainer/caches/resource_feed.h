// Which catalogues and recommenders there are, kept fresh by the probe's feed.
#ifndef RECSAE_SERVICES_EXPLAINER_CACHES_RESOURCE_FEED_H_
#define RECSAE_SERVICES_EXPLAINER_CACHES_RESOURCE_FEED_H_

#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/client/follower.h"
#include "services/explainer/peers/peers.h"

namespace recsae::explainer {

// What tells a recommender with its head and items from every other that had its name, and from
// itself before its head was set or its items changed.
std::string VersionOf(const probe::v1::Recommender& recommender, const probe::v1::Catalog& catalog);

// Thread-safe. When the probe cannot be reached it goes on with what it has.
class ResourceFeed {
 public:
  explicit ResourceFeed(Peers& peers);

  // Starts to follow the feed, once.
  void Start() { follower_.Start(); }
  // Ends that at once; what is here stays. Idempotent.
  void Stop() { follower_.Stop(); }
  // Whether the first snapshot is complete.
  bool filled() const { return follower_.cursor().has_value(); }

  // VersionOf a recommender with a prediction head; unset where the feed knows none of that name,
  // or one that had no head yet.
  std::optional<std::string> Version(const std::string& recommender) const;

 private:
  struct State {
    std::map<std::string, probe::v1::Catalog> catalogs;
    std::map<std::string, probe::v1::Recommender> recommenders;

    void Apply(probe::v1::ResourceChange& change);
  };

  // One stream of the feed.
  absl::Status Follow(Follower::Stream& stream);

  Peers& peers_;
  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  Follower follower_;  // last: it uses the others
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CACHES_RESOURCE_FEED_H_
