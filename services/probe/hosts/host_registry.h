// Which hosts serve which recommender.
#ifndef RECSAE_SERVICES_PROBE_HOSTS_HOST_REGISTRY_H_
#define RECSAE_SERVICES_PROBE_HOSTS_HOST_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "services/probe/hosts/host_link.h"
#include "services/probe/hosts/host_session.h"

namespace recsae::probe {

// Thread-safe; outlives the links that it gives.
class HostRegistry {
 public:
  // `on_count` hears of every change of the number of hosts.
  explicit HostRegistry(std::function<void(int64_t)> on_count) : on_count_(std::move(on_count)) {}

  // Known by the uid of the recommender, so that one deleted and made anew shares no host.
  void Add(const std::string& uid, std::shared_ptr<const HostSession> session);
  void Remove(const std::string& uid, const HostSession* session);

  // The recommender was deleted: its hosts are sent away with NOT_FOUND (RECOMMENDER_DELETED).
  void Dismiss(const std::string& uid, const std::string& name);
  int Count(const std::string& uid) const { return static_cast<int>(Sessions(uid).size()); }

  // To whichever host of the recommender has the fewest calls, at each call anew. Should that one
  // go away meanwhile, another one is asked. UNAVAILABLE (HOST_AWAY) while there is none.
  std::shared_ptr<const HostLink> LinkTo(const std::string& uid, const std::string& name) const;

 private:
  class Link;

  std::vector<std::shared_ptr<const HostSession>> Sessions(const std::string& uid) const;
  std::shared_ptr<const HostSession> LeastLoaded(const std::string& uid) const;

  const std::function<void(int64_t)> on_count_;
  mutable absl::Mutex mutex_;
  std::multimap<std::string, std::shared_ptr<const HostSession>> sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_HOSTS_HOST_REGISTRY_H_
