// Correlations of latents with sets of items, as a whole and with a part of the users left out.
#ifndef SERVICES_EXPLAINER_VERIFICATION_PAIR_CORRELATIONS_H_
#define SERVICES_EXPLAINER_VERIFICATION_PAIR_CORRELATIONS_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/sae/codes.h"
#include "services/explainer/evidence/dictionary.h"
#include "services/explainer/evidence/sample.h"
#include "services/explainer/labeling/item_sets.h"
#include "services/explainer/labeling/roles.h"

namespace recsae::explainer {

struct LatentAndSet {
  int32_t latent = 0;
  int32_t set = 0;
};

// Users are dealt into so many blocks for the jackknife; a user's rows are in one.
inline constexpr int kUserBlocks = 20;

// Pearson correlation of a latent's activation with the share of a set among the recommended items
// that speak; 0 where one of the two does not vary.
struct PairCorrelation {
  double all = 0;
  // Without the users of each block.
  std::array<double, kUserBlocks> without = {};

  double Error() const;
};

// One for each of `pairs`, over all rows in which an item speaks. `codes`: of all rows, by
// `latents` latents.
absl::StatusOr<std::vector<PairCorrelation>> Correlate(const SampledRows& rows,
                                                       const sae::SparseCodes& codes, int latents,
                                                       const ItemSets& sets,
                                                       std::span<const LatentAndSet> pairs,
                                                       const Speaking& speaking, Alive alive);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_PAIR_CORRELATIONS_H_
