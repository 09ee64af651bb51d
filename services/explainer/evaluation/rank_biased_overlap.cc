// Rank-biased overlap.
#include "services/explainer/evaluation/rank_biased_overlap.h"

#include <algorithm>
#include <cstddef>
#include <unordered_set>

namespace recsae::explainer {

double RankBiasedOverlap(absl::Span<const int32_t> a, absl::Span<const int32_t> b, double p) {
  const size_t depth = std::min(a.size(), b.size());
  if (depth == 0) return a.size() == b.size() ? 1 : 0;
  std::unordered_set<int32_t> seen_a;
  std::unordered_set<int32_t> seen_b;
  double overlap = 0;  // items in both lists down to the current depth
  double weight = 1;   // p^d
  double sum = 0;
  for (size_t d = 0; d < depth; ++d) {
    weight *= p;
    if (a[d] == b[d]) {
      overlap += 1;
    } else {
      overlap += static_cast<double>(seen_b.count(a[d]) + seen_a.count(b[d]));
    }
    seen_a.insert(a[d]);
    seen_b.insert(b[d]);
    sum += weight * overlap / static_cast<double>(d + 1);
  }
  return overlap / static_cast<double>(depth) * weight + (1 - p) / p * sum;
}

}  // namespace recsae::explainer
