// Steer's changes of how popular what is recommended is.
#ifndef RECSAE_SERVICES_EXPLAINER_CALLS_POPULARITY_CHANGE_H_
#define RECSAE_SERVICES_EXPLAINER_CALLS_POPULARITY_CHANGE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/calls/steer_edits.h"

namespace recsae::explainer::v1 {
class PopularityChange;
class PopularityEffect;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

// Why nothing can be made more or less popular for the subject, for people; empty where it can.
std::string PopularityProblem(const ResolvedSubject& subject);

// FAILED_PRECONDITION (POPULARITY_UNKNOWN) where there is such a problem.
absl::Status CheckPopularityKnown(const ResolvedSubject& subject);

// What is to be added to an activation.
struct PopularityPlan {
  bool asked = false;
  double steps = 0;
  std::vector<double> shift;          // [d]; empty for nothing
  std::optional<double> own_novelty;  // of the history
  std::string no_effect;              // why nothing is added
};

// `change`: of the request, unset where it has none. Those of wishes are added to it. Towards the
// user's own taste it starts from what edits and `options` make of the activation. Popularity is
// known where `change` is set.
absl::StatusOr<PopularityPlan> PlanPopularity(Backend& backend, const Caller& caller,
                                              const v1::PopularityChange& change,
                                              const ResolvedSubject& subject,
                                              const ResolvedEdits& resolved,
                                              const SteeringOptions& options);

void WritePopularity(const PopularityPlan& plan, const ResolvedSubject& subject,
                     const SteeredActivation& steered, v1::PopularityEffect& out);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CALLS_POPULARITY_CHANGE_H_
