// From the edits and wishes of a request to edits of latents.
#ifndef RECSAE_SERVICES_EXPLAINER_CALLS_STEER_EDITS_H_
#define RECSAE_SERVICES_EXPLAINER_CALLS_STEER_EDITS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "services/explainer/backend/backend.h"
#include "services/explainer/steering/steering.h"

namespace recsae::explainer::v1 {
class Edit;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

// What is steered, and on whose behalf. What it refers to must outlive it.
struct SteeringContext {
  Backend& backend;
  const Caller& caller;
  const std::string& sae;
  const sae::SaeModel& model;
  // Of the subject, strongest first (ActiveLatents).
  std::vector<NamedLatent> active;
  // Whether what is removed is projected out as well.
  bool project = false;
  // Of the concept feed: why a concept may be missing.
  absl::Status filled = absl::OkStatus();
  // Why nothing can be made more or less popular; empty where it can.
  std::string popularity_problem = {};
};

// Bound of a change where a call names none (SteerRequest.max_change).
inline constexpr double kDefaultMaxChange = 1;

// The mean activation over users that changes are measured by; empty where it is not known.
std::vector<float> BaselineOf(const Backend& backend, const std::string& sae);

// Edits of latents, each with the place of the edit or wish that it comes from.
struct ResolvedEdits {
  std::vector<LatentEdit> edits;
  std::vector<int> origins;
  // As SteeringOptions has them.
  std::vector<int32_t> projected;
  // Of edits by text, those that `projected` are from.
  std::vector<std::string> projected_words;
  std::vector<int32_t> lowered;
  // Of an edit for which nothing was chosen: the latents that its words mean, and why, for people.
  struct Nothing {
    std::vector<int32_t> latents;
    std::string reason;
  };
  std::map<int, Nothing> nothing;
  // Of edits by text: what was chosen by meaning, for people.
  std::vector<std::string> by_meaning;
  // Steps towards popular items, by the wish that they come from.
  std::map<int, double> popularity;
  // The concepts of the latents that are named; null where there is none.
  std::map<int32_t, std::shared_ptr<const CachedConcept>> concepts;

  void Add(const LatentEdit& edit, int origin) {
    edits.push_back(edit);
    origins.push_back(origin);
  }

  // Whether any edit of this place is among the `effective` (SteeredActivation).
  bool Changed(int place, const std::vector<bool>& effective) const;
};

// Resolves one checked edit, the `place`-th of its request, into `resolved`.
//   INVALID_ARGUMENT     a latent that the SAE does not have, a group without a lead
//   NOT_FOUND            CONCEPT_NOT_FOUND: no concept matches the words
//   FAILED_PRECONDITION  LATENT_STATISTICS_UNKNOWN: `add` on a latent without a concept
absl::Status ResolveEdit(const SteeringContext& context, const v1::Edit& edit, int place,
                         ResolvedEdits& resolved);

// `deviations` more of a group, along its direction.
void AddToGroup(absl::Span<const NamedLatent> group, double deviations, int place,
                ResolvedEdits& resolved);

// The concepts' latents as an edit that takes all of them away, and lowers their directions to the
// mean: who has less of them already is not given more.
void RemoveWholly(absl::Span<const NamedLatent> latents, int place, ResolvedEdits& resolved);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CALLS_STEER_EDITS_H_
