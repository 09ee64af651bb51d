// Tries a model that somebody else wrote before it is served, so that what would be wrong in
// silence is said at the door.
#ifndef RECSAE_SERVICES_PROBE_HOSTS_DOOR_H_
#define RECSAE_SERVICES_PROBE_HOSTS_DOOR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "services/probe/hosts/remote_model.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// Runs it on a few histories of 1, 2 and as many items as it reads, or on a few of its `users`.
// INVALID_ARGUMENT:
//   HOST_OUTPUT         another shape, values that are not finite, rows that depend on each other,
//   an
//                       activation that does not depend on the last item
//   PROBE_SITE_INVALID  at an inner site: its last row does not depend on the last item, or is not
//   the
//                       last of all; resuming from its own activation gives something else than the
//                       model does, or resuming from another one the same
// and the model's own errors. Every call is small.
absl::Status TryModel(const Recommender& model, int64_t users);

// INVALID_ARGUMENT (HOST_HEAD) unless its own scores are <activation, item vector> + bias, for some
// items; item_vectors() must be there.
absl::Status TryHead(const RemoteModel& model, int64_t users);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_HOSTS_DOOR_H_
