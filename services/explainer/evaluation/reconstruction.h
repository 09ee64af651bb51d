// What replacing activations by their reconstructions does: to the vectors and to the ranking.
#ifndef RECSAE_SERVICES_EXPLAINER_EVALUATION_RECONSTRUCTION_H_
#define RECSAE_SERVICES_EXPLAINER_EVALUATION_RECONSTRUCTION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/ranking/candidates.h"
#include "common/ranking/list_quality.h"
#include "common/ranking/prediction_head.h"
#include "common/ranking/ranking.h"
#include "common/sae/metrics.h"
#include "common/sae/model.h"

namespace recsae::explainer {

// Sums over the rows of a capture, one row at a time. Not thread-safe.
class ReconstructionEvaluation {
 public:
  // Both must outlive this; `head.dim` must be the SAE's, unless AddInner alone is called.
  // So must `popularity` and `attributes`, which are as ListQuality has them.
  ReconstructionEvaluation(const sae::SaeModel& sae, const PredictionHead& head,
                           const ItemPopularity& popularity,
                           absl::Span<const std::vector<int32_t>> attributes);

  // Adds the activation `x` [d] with its code. `target`: the held-out item, -1 for none; such a row
  // counts for metrics() alone. `excluded`: items that are not ranked (the target always is).
  void Add(absl::Span<const float> x, absl::Span<const sae::LatentActivation> code, int32_t target,
           absl::Span<const int32_t> excluded);

  // The same for an SAE of an inner probe site: `user` and `reconstructed_user` [head.dim] are what
  // x and x^ there lead to just before scoring.
  void AddInner(absl::Span<const float> x, absl::Span<const sae::LatentActivation> code,
                absl::Span<const float> user, absl::Span<const float> reconstructed_user,
                int32_t target, absl::Span<const int32_t> excluded);

  // Test-all quality of the activations as they are, and of x^ in their place.
  const RankingMetrics& recommender() const { return recommender_; }
  const RankingMetrics& reconstructed() const { return reconstructed_; }
  // What the held-out items were ranked among.
  const CandidateCounts& candidates() const { return candidates_; }
  // What the top-10 lists of both are beside relevant.
  const ListQuality& recommender_lists() const { return recommender_lists_; }
  const ListQuality& reconstructed_lists() const { return reconstructed_lists_; }
  // Rank-biased overlap (p = 0.9) of the two top-10 lists, mean over the rows with a target.
  double rbo() const;
  // FVU, L0 and the others over all rows, as common/sae/metrics.h defines them.
  sae::ReconstructionMetrics metrics() const { return metrics_.Result(); }

 private:
  // For metrics(); leaves x^ in reconstruction_.
  void AddRow(absl::Span<const float> x, absl::Span<const sae::LatentActivation> code);
  void Rank(absl::Span<const float> user, absl::Span<const float> reconstructed_user,
            int32_t target, absl::Span<const int32_t> excluded);

  const sae::SaeModel& sae_;
  const PredictionHead& head_;
  RankingMetrics recommender_;
  RankingMetrics reconstructed_;
  CandidateCounts candidates_;
  ListQuality recommender_lists_;
  ListQuality reconstructed_lists_;
  double rbo_sum_ = 0;
  sae::MetricsAccumulator metrics_;
  std::vector<float> reconstruction_;
  std::vector<float> scores_;
  std::vector<float> reconstructed_scores_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_EVALUATION_RECONSTRUCTION_H_
