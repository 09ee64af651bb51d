// What is recommended from many activations.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERED_LISTS_H_
#define RECSAE_SERVICES_EXPLAINER_STEERED_LISTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ranking/prediction_head.h"
#include "common/sae/model.h"
#include "services/explainer/steered/rows.h"

namespace recsae::explainer {

// Items of a list.
inline constexpr int kListLength = 10;

struct Lists {
  // Of each row the first ten, best first; fewer where there are not as many items.
  std::vector<std::vector<int32_t>> tens;
  // Rank of the held-out item; 0 without one.
  std::vector<int64_t> ranks;

  // 1 / log2(1 + rank) for a rank up to ten, else 0; of each row.
  std::vector<double> Gains() const;
};

// `vectors` [rows, head.dim]: what stands just before scoring in each row. Thread-safe.
absl::StatusOr<Lists> RankRows(const PredictionHead& head, std::span<const float> vectors,
                               const SteeredRows& rows, sae::Alive alive);

// Mean share of the list of one row that is not in that of another, over all pairs of rows; 0 with
// fewer than two rows.
double InterListDiversity(const Lists& lists, int items);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERED_LISTS_H_
