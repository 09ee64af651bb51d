// A few latents of an SAE that together bring an attribute for the least disturbance.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERED_FITTED_LATENTS_H_
#define RECSAE_SERVICES_EXPLAINER_STEERED_FITTED_LATENTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "common/sae/model.h"
#include "services/explainer/steered/list_moments.h"

namespace recsae::explainer {

struct LatentWeight {
  int32_t latent = 0;
  double weight = 0;  // added to its activation for a change of length 1; below 0: against it
};

inline constexpr int kFittedLatents = 16;

// Maximises <towards, d> - d' (disturbance + ridge) d / 2 over d = sum of weight * direction, which
// Steer's push does, too: greedily, the latent with the largest gain next, and all weights anew
// after each. At most `most` of `candidates`; none where none leads towards the attribute or away
// from it. The heaviest first. Thread-safe.
std::vector<LatentWeight> FitLatents(const sae::SaeModel& sae, std::span<const int32_t> candidates,
                                     const ListMoments& moments, size_t attribute,
                                     int most = kFittedLatents);

// sum of weight * direction, [dim].
std::vector<double> DirectionOf(const sae::SaeModel& sae, std::span<const LatentWeight> weights);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERED_FITTED_LATENTS_H_
