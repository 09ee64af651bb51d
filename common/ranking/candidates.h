// From how many items a recommendation can choose, and which figures of it then mean anything.
#ifndef RECSAE_COMMON_RANKING_CANDIDATES_H_
#define RECSAE_COMMON_RANKING_CANDIDATES_H_

#include <array>
#include <cstdint>

#include "absl/types/span.h"
#include "common/ranking/ranking.h"

namespace recsae {

// Items among which `target` is ranked, itself included: all `items` but the `excluded` and the
// `withheld`, each in any order and with or without repetition.
int64_t CountCandidates(int64_t items, int32_t target, absl::Span<const int32_t> excluded,
                        absl::Span<const int32_t> withheld);

// Counts of cases by their candidates. With no more than k every item is among the first k, and
// HR@k is 1 for any recommender. Not thread-safe.
class CandidateCounts {
 public:
  void Add(int64_t candidates);
  int64_t cases() const { return cases_; }
  // Cases with at most k candidates; k is one of RankingMetrics::kCutoffs.
  int64_t AtMost(int k) const;
  // Whether HR@k and NDCG@k tell something: there are cases, and at least half have more
  // candidates.
  bool Measures(int k) const { return cases_ > 0 && 2 * AtMost(k) <= cases_; }
  // The fewest and most candidates of a case; 0 without cases.
  int64_t fewest() const { return fewest_; }
  int64_t most() const { return most_; }

 private:
  std::array<int64_t, RankingMetrics::kCutoffs.size()> at_most_{};
  int64_t cases_ = 0;
  int64_t fewest_ = 0;
  int64_t most_ = 0;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_RANKING_CANDIDATES_H_
