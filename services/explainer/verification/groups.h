// Latents that say the same, as one thing for people.
#ifndef SERVICES_EXPLAINER_VERIFICATION_GROUPS_H_
#define SERVICES_EXPLAINER_VERIFICATION_GROUPS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "services/explainer/verification/neighbours.h"

namespace recsae::explainer {

// Two latents are near-duplicates from this cosine and correlation of activations on.
inline constexpr double kDuplicateCosine = 0.7;
inline constexpr double kDuplicateTogether = 0.3;

// What decides of one latent.
struct GroupMember {
  // The described set, -1 for none, and whether the latent goes with or against it.
  int32_t set = -1;
  bool against = false;
  // Of the predictive test; 0 where it was not made.
  double correlation = 0;
  bool predicted = false;  // whether that test was passed
};

// By latent, the lead of its group: of the latents with a description, if any has one, that of the
// highest correlation, then the lowest number.
// In one group are near-duplicates, and latents of the same description which both are told by it.
std::vector<int32_t> FindGroups(std::span<const GroupMember> members,
                                std::span<const std::vector<Neighbour>> neighbours);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_GROUPS_H_
