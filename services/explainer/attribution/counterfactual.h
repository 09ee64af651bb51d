// The smallest set of things without which an item leaves a list.
#ifndef RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_COUNTERFACTUAL_H_
#define RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_COUNTERFACTUAL_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace recsae::explainer {

// Candidates by their place, ascending.
using CandidateSet = std::vector<int>;

// The item's rank without each of the sets, and its score there.
struct Outcome {
  int rank = 0;
  double score = 0;
};
using TrySets =
    absl::FunctionRef<absl::StatusOr<std::vector<Outcome>>(absl::Span<const CandidateSet> sets)>;

struct CounterfactualOptions {
  int candidates = 0;
  int top = 10;        // the item has left the list where its rank is above
  int max_size = 5;    // of a set
  int64_t budget = 0;  // sets tried at most
};

struct Counterfactual {
  bool found = false;
  CandidateSet set;       // that drops it; not found: that which lowers its score most
  Outcome outcome;        // without the set
  bool smallest = false;  // all smaller sets were tried
  int64_t tried = 0;
};

// Sets of one, two and three of the 20 candidates without which alone the score is lowest are all
// tried, size by size, as far as the budget goes; larger ones grow by the candidate that lowers the
// score most (greedy), and what turns out to be needless is left out again. Of several sets of a
// size the one that leaves the lowest score. At least one candidate. An error of `try_sets` is
// returned.
absl::StatusOr<Counterfactual> FindCounterfactual(const CounterfactualOptions& options,
                                                  TrySets try_sets);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_COUNTERFACTUAL_H_
