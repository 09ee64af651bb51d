// How popular what is recommended is, and how far to go for it to be as popular as wished.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERING_POPULARITY_H_
#define RECSAE_SERVICES_EXPLAINER_STEERING_POPULARITY_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/ranking/list_quality.h"
#include "common/ranking/prediction_head.h"

namespace recsae::explainer {

// Of what sets the user apart, a step.
inline constexpr double kPopularityStep = 0.25;
// Furthest that StepsTowards goes: as far as the default bound lets.
inline constexpr double kMostOwnSteps = 4;

// The first ten that are not `excluded`. Thread-safe.
std::vector<int32_t> FirstTen(const PredictionHead& head, absl::Span<const float> activation,
                              absl::Span<const int32_t> excluded);

// The steps along `step` [d] (what one changes of `activation` [d]), at most kMostOwnSteps to
// either side, after which the mean information of the first ten is nearest to `novelty`; 0 where
// none is nearer than it is. Found by halving, since a longer step towards popular items makes the
// list more popular, but for ties and the items' other sides. Thread-safe.
double StepsTowards(double novelty, const PredictionHead& head, absl::Span<const float> activation,
                    absl::Span<const double> step, absl::Span<const int32_t> excluded,
                    const ItemPopularity& popularity);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERING_POPULARITY_H_
