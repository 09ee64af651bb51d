// Ranking items by score: the best ones, the rank of one, and the metrics made of ranks.
//
// Plain functions over spans, thread-safe. "Test-all" evaluation: the held-out item is ranked
// against every item, what else the user touched is masked, and ties count against it.
#ifndef RECSAE_COMMON_RANKING_RANKING_H_
#define RECSAE_COMMON_RANKING_RANKING_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/ranking/prediction_head.h"

namespace recsae {

struct ScoredItem {
  int32_t item = 0;
  float score = 0;
  bool operator==(const ScoredItem&) const = default;
};

// The `n` highest scores, best first, ties by the lower index; items in `excluded` (any order)
// left out, as are those that score -infinity. Fewer than n if there are not as many.
std::vector<ScoredItem> TopN(absl::Span<const float> scores, int n,
                             absl::Span<const int32_t> excluded);

// 1 + the number of other items, not in `excluded`, that score at least as much as `target`. A NaN
// score counts against the target wherever it stands.
int64_t RankOf(absl::Span<const float> scores, int32_t target, absl::Span<const int32_t> excluded);

// scores[i] = <activation, item_vectors[i]> (+ biases[i]); item_vectors [items, dim] row-major,
// biases [items] or empty. `scores` [items].
void ScoreItems(absl::Span<const float> activation, absl::Span<const float> item_vectors,
                absl::Span<const float> biases, absl::Span<float> scores);

// The same of a head, with -infinity for the items that it withholds: they are in no TopN and stand
// before no item's rank.
void ScoreItems(absl::Span<const float> activation, const PredictionHead& head,
                absl::Span<float> scores);

// Mean HR@k and NDCG@k over cases. With one relevant item, HR@k is the share of ranks <= k and
// NDCG@k the mean of 1 / log2(1 + rank) over them (0 for the rest).
class RankingMetrics {
 public:
  static constexpr std::array<int, 4> kCutoffs = {5, 10, 20, 50};

  void Add(int64_t rank);
  void Merge(const RankingMetrics& other);
  int64_t cases() const { return cases_; }
  double hr(int k) const;  // k is one of kCutoffs; 0 without cases
  double ndcg(int k) const;

 private:
  std::array<double, 4> hits_{};
  std::array<double, 4> gain_{};
  int64_t cases_ = 0;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_RANKING_RANKING_H_
