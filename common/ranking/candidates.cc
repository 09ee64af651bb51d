#include "common/ranking/candidates.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace recsae {

int64_t CountCandidates(int64_t items, int32_t target, absl::Span<const int32_t> excluded,
                        absl::Span<const int32_t> withheld) {
  std::vector<int32_t> out(excluded.begin(), excluded.end());
  out.insert(out.end(), withheld.begin(), withheld.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  const bool target_out = std::binary_search(out.begin(), out.end(), target);
  return items - static_cast<int64_t>(out.size()) + (target_out ? 1 : 0);
}

void CandidateCounts::Add(int64_t candidates) {
  for (size_t c = 0; c < at_most_.size(); ++c) {
    at_most_[c] += candidates <= RankingMetrics::kCutoffs[c] ? 1 : 0;
  }
  fewest_ = cases_ == 0 ? candidates : std::min(fewest_, candidates);
  most_ = std::max(most_, candidates);
  ++cases_;
}

int64_t CandidateCounts::AtMost(int k) const {
  const auto& cutoffs = RankingMetrics::kCutoffs;
  const auto found = std::find(cutoffs.begin(), cutoffs.end(), k);
  return at_most_[static_cast<size_t>(found - cutoffs.begin())];
}

}  // namespace recsae
