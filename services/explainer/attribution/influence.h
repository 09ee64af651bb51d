// What a user's vector owes to each of the items that it was trained on.
#ifndef RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_INFLUENCE_H_
#define RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_INFLUENCE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/ranking/prediction_head.h"
#include "services/explainer/attribution/directions.h"

namespace recsae::explainer {

// Items that a user's own are set against, evenly spread over the catalogue; all where there are
// fewer.
inline constexpr int kNegatives = 512;

struct Influences {
  // Of each item, to first order, what the vector would lose without it, [d].
  std::vector<Direction> effects;
  // How well the vector is told by the items: squared cosine of it and of where they pull, 0 to 1;
  // 0 where they pull away from it.
  double fit = 0;
};

// Influence functions (Koh and Liang 2017) of a pairwise ranking loss (BPR), the vectors of items
// taken as given: x [d] is seen as the minimum of
//   sum_i mean_j log(1 + exp(s_j - s_i)) + l/2 |x|^2,   s = <x, v> + b,  i of `items`, j of all
// with the l that fits x best. Without item i it moves by H^-1 g_i, with the loss' curvature H and
// the item's own gradient g_i. Operations: as InfluenceOperations. Thread-safe.
Influences InfluencesOn(absl::Span<const float> x, const PredictionHead& head,
                        absl::Span<const int32_t> items);

// For each item about so many, and for all of them d^3 / 3.
inline double InfluenceOperations(int dim) {
  return static_cast<double>(kNegatives + dim) * static_cast<double>(dim);
}

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_INFLUENCE_H_
