// Descriptions as detectors of their latents' firing, at natural prevalence.
#ifndef SERVICES_EXPLAINER_VERIFICATION_FIRING_DETECTION_H_
#define SERVICES_EXPLAINER_VERIFICATION_FIRING_DETECTION_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "services/explainer/verification/pair_correlations.h"

namespace recsae::explainer {

struct FiringDetection {
  // Of the share of the set as a score of the rows: the mean, over the rows on which the latent
  // fires, of the precision of all rows that score at least as much. 0 where it never fires.
  double average_precision = 0;
  // Share of the rows on which it fires, which a score that knows nothing reaches.
  double prevalence = 0;
};

// One for each of `pairs`, no latent twice; arguments as of Correlate. Of codes with both signs,
// those above 0 are firings.
absl::StatusOr<std::vector<FiringDetection>> DetectFirings(const SampledRows& rows,
                                                           const sae::SparseCodes& codes,
                                                           int latents, const ItemSets& sets,
                                                           std::span<const LatentAndSet> pairs,
                                                           const Speaking& speaking, Alive alive);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_FIRING_DETECTION_H_
