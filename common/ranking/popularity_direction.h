// The direction of an activation along which popular items gain.
#ifndef RECSAE_COMMON_RANKING_POPULARITY_DIRECTION_H_
#define RECSAE_COMMON_RANKING_POPULARITY_DIRECTION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/ranking/prediction_head.h"

namespace recsae {

// Longer activations have no popularity direction: it takes a matrix [dim, dim].
inline constexpr int kMaxPopularityDim = 1024;

// The unit vector w [head.dim] along which <w, v_i> follows log(count_i + 1) most closely over the
// items, each weighing as much as it was interacted with: least squares with a ridge of a
// thousandth of the mean variance. So a change along w moves scores by popularity and by as little
// else as there can be among the items that are recommended. Of more than 20,000 items the most
// popular ones tell. Empty where it cannot be told: no interactions, equal counts, or a longer
// activation. `counts` [items]. Thread-safe.
std::vector<double> PopularityDirection(const PredictionHead& head,
                                        absl::Span<const int64_t> counts);

}  // namespace recsae

#endif  // RECSAE_COMMON_RANKING_POPULARITY_DIRECTION_H_
