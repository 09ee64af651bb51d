// What half of a list tells of the whole of it.
#ifndef SERVICES_EXPLAINER_VERIFICATION_SPLIT_HALF_H_
#define SERVICES_EXPLAINER_VERIFICATION_SPLIT_HALF_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "services/explainer/evidence/dictionary.h"
#include "services/explainer/evidence/sample.h"
#include "services/explainer/labeling/item_sets.h"

namespace recsae::explainer {

// A correlation with a set's share among the recommended items that test, half of them, is lower
// than one with its share among all: few items are a noisy measure. By what it is to be multiplied,
// sqrt(2 / (1 + rho)) with rho the correlation of the shares in the two halves (Spearman 1910,
// Brown 1910), 1 to sqrt(2); for each set. `seed`: of the division of the
// items.
absl::StatusOr<std::vector<double>> WholeListFactors(const SampledRows& rows, const ItemSets& sets,
                                                     uint64_t seed, Alive alive);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_SPLIT_HALF_H_
