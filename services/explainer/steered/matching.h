// How far a change must go for a given effect.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERED_MATCHING_H_
#define RECSAE_SERVICES_EXPLAINER_STEERED_MATCHING_H_

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace recsae::explainer {

struct MatchedLength {
  // Whether the effect was reached; where not, `length` is that of the largest effect seen.
  bool reached = false;
  double length = 0;
  double effect = 0;
};

// The least length seen at which `effect` comes to `wanted`, which it is below without a change:
// lengths double from `first` up to `most`; between the last that falls short and the first
// that does not, bisection until the effect is within 1 % of `wanted`, eight times at most. What
// `effect` returns, if it is an error, ends the search.
absl::StatusOr<MatchedLength> FindLength(
    absl::FunctionRef<absl::StatusOr<double>(double length)> effect, double wanted, double first,
    double most);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERED_MATCHING_H_
