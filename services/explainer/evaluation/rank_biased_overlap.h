// How alike two rankings are, their heads counting most.
#ifndef RECSAE_SERVICES_EXPLAINER_EVALUATION_RANK_BIASED_OVERLAP_H_
#define RECSAE_SERVICES_EXPLAINER_EVALUATION_RANK_BIASED_OVERLAP_H_

#include <cstdint>

#include "absl/types/span.h"

namespace recsae::explainer {

// Extrapolated rank-biased overlap (Webber et al. 2010, RBO_EXT) of two lists without repeats, cut
// to the shorter: 1 for equal lists, 0 for disjoint ones; 1 for two empty ones, 0 when only one is.
// 0 < p < 1.
double RankBiasedOverlap(absl::Span<const int32_t> a, absl::Span<const int32_t> b, double p);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_EVALUATION_RANK_BIASED_OVERLAP_H_
