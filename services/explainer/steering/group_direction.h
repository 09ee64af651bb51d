// Going towards a group of latents that say the same.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERING_GROUP_DIRECTION_H_
#define RECSAE_SERVICES_EXPLAINER_STEERING_GROUP_DIRECTION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "services/explainer/steering/steering.h"

namespace recsae::explainer {

// How one latent of a group fires.
struct LatentFiring {
  int32_t latent = 0;
  double active_rows = 0;
  double mean = 0;                // over the rows on which it fires
  double standard_deviation = 0;  // over the same
};

// `deviations` added to the group as a whole: each latent gets the share of them that it has of the
// group's firing (active_rows * mean), in its own standard deviation. A group whose firing is not
// known is shared out evenly. One edit for each latent of `group`. Thread-safe.
std::vector<LatentEdit> AddAlongGroup(absl::Span<const LatentFiring> group, double deviations);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERING_GROUP_DIRECTION_H_
