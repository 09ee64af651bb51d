// Whether a SteerRequest is fit to be done.
#ifndef RECSAE_SERVICES_EXPLAINER_CALLS_STEER_REQUEST_H_
#define RECSAE_SERVICES_EXPLAINER_CALLS_STEER_REQUEST_H_

#include <vector>

#include "absl/status/statusor.h"
#include "services/explainer/steering/wishes.h"

namespace recsae::explainer::v1 {
class SteerRequest;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

// Its wishes, or INVALID_ARGUMENT: every violation, or QUERY_NEGATED. Thread-safe.
absl::StatusOr<std::vector<Wish>> CheckSteerRequest(const v1::SteerRequest& request);

// INVALID_ARGUMENT: the request holds neither edits nor wishes, and the user has no controls.
absl::Status NothingAsked(const v1::SteerRequest& request);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CALLS_STEER_REQUEST_H_
