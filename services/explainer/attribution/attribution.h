// Explains the scores of one activation: its active latents, and what each adds to an item's score.
#ifndef RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_ATTRIBUTION_H_
#define RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_ATTRIBUTION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/ranking/prediction_head.h"
#include "common/sae/model.h"

namespace recsae::explainer {

// Items that one is compared with to tell what its rank hangs on.
inline constexpr int kRivals = 50;

// One item's score and its parts, in the recommender's units:
//   score = <x, v> + b = sum_j z_j <w_j, v>  +  (<b_pre, v> + b)  +  <x - x^, v>
//                        contributions          bias                 residual
// with w_j and b_pre in the space of the recommender (the input normalisation undone). The parts
// are summed in double, so that they add up however much they cancel.
struct ItemAttribution {
  int32_t item = 0;
  // 1 = best among the items that are not left out.
  int rank = 0;
  double score = 0;
  std::vector<double> contributions;  // in the order of ActivationExplanation::latents
  // Of each contribution what it is above its mean over the rivals, the kRivals + 1 best items
  // without this one: without the latent, the item falls back by so much against them.
  std::vector<double> margins;
  double bias = 0;
  double residual = 0;
};

struct ActivationExplanation {
  // Strongest first.
  std::vector<sae::LatentActivation> latents;
  // The best items, best first, then ItemChoice::also, in its order.
  std::vector<ItemAttribution> items;
  // |x - x^|^2 / |x|^2; for x = 0: 0 if x^ = 0 too, else 1.
  double relative_error = 0;
};

// Which items to explain; numbers are those of the head.
struct ItemChoice {
  int top = 0;
  // Left out of the best items and of all ranks; any order, repeats allowed.
  absl::Span<const int32_t> excluded;
  // Explained whatever their rank, left out or not.
  absl::Span<const int32_t> also;
};

// Explains the activation `x` [d]. Without a head (null) no items are explained. `head->dim` must
// be the SAE's. Thread-safe.
ActivationExplanation ExplainActivation(const sae::SaeModel& sae, const PredictionHead* head,
                                        absl::Span<const float> x, const ItemChoice& choice);

// The same items for an activation `x` [head.dim] whose scores are no sum over latents: without
// contributions; the bias is the item's own, and all else is residual. Thread-safe.
std::vector<ItemAttribution> RankItems(const PredictionHead& head, absl::Span<const float> x,
                                       const ItemChoice& choice);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_ATTRIBUTION_H_
