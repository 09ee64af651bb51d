// What each item of a history does to scores: activations with and without it, compared.
#ifndef RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_REASONS_H_
#define RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_REASONS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/ranking/prediction_head.h"
#include "common/sae/model.h"
#include "services/explainer/attribution/directions.h"
#include "services/explainer/attribution/personal.h"

namespace recsae::explainer {

// What one history item does to one score.
struct HistoryEffect {
  int place = 0;  // of the history item among those weighed
  double effect = 0;
  std::vector<double> groups;  // the part through each group
  int step = 0;                // of a stepwise search, from 1; 0: with all other items there
};

// The effects of history items as directions, from which those on any item's score follow.
// Thread-safe once made.
class HistoryEffects {
 public:
  HistoryEffects() = default;

  // `with` [d] and, for each history item, the activation without it: `without` [n, d]. Effects
  // through groups need the SAE whose activations they are; null: there are none.
  HistoryEffects(const sae::SaeModel* sae, absl::Span<const LatentGroup> groups,
                 absl::Span<const float> with, absl::Span<const float> without);

  int size() const { return static_cast<int>(effects_.size()); }
  // On the item's score: those that raise it first, strongest first, then those that lower it,
  // strongest first.
  std::vector<HistoryEffect> On(const PredictionHead& head, int32_t item) const;

 private:
  std::vector<Direction> effects_;
  std::vector<std::vector<Direction>> groups_;  // of each effect, by group; empty where it has none
};

// The effects of items that were taken one after the other, as steps in front of `effects`, from
// which the same items are left out. `with` and, after each step, `after` [steps, d].
std::vector<HistoryEffect> WithSteps(const sae::SaeModel* sae, absl::Span<const LatentGroup> groups,
                                     absl::Span<const float> with, absl::Span<const float> after,
                                     absl::Span<const int> places, const PredictionHead& head,
                                     int32_t item, std::vector<HistoryEffect> effects);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_REASONS_H_
