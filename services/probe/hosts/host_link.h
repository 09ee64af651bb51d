// The way to a model that runs in another process: a host that dialled in, or a child of this
// process.
#ifndef RECSAE_SERVICES_PROBE_HOSTS_HOST_LINK_H_
#define RECSAE_SERVICES_PROBE_HOSTS_HOST_LINK_H_

#include <functional>

#include "absl/status/statusor.h"
#include "recsae/hosts/v1/hosts.pb.h"

namespace recsae::probe {

// Thread-safe.
class HostLink {
 public:
  virtual ~HostLink() = default;

  // Sends the call, whose id is set here, and waits for its answer, asking `cancelled`, if given,
  // every few milliseconds. The answer's `error` is OK. Errors: UNAVAILABLE (HOST_AWAY) where there
  // is no such process, or it went away meanwhile; CANCELLED once `cancelled` says so (the host is
  // told); what the host answered, in its place.
  virtual absl::StatusOr<hosts::v1::Answer> Call(hosts::v1::Call call,
                                                 const std::function<bool()>& cancelled) const = 0;

  // How many calls at a time keep it busy.
  virtual int parallel_calls() const = 0;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_HOSTS_HOST_LINK_H_
