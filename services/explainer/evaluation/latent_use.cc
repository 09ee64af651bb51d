// Counts of rows by latent.
#include "services/explainer/evaluation/latent_use.h"

namespace recsae::explainer {

void LatentUseCounts::Add(absl::Span<const sae::LatentActivation> code) {
  ++rows_;
  for (const sae::LatentActivation& active : code) {
    if (active.value != 0) ++fired_[static_cast<size_t>(active.latent)];
  }
}

LatentUse LatentUseCounts::Result() const {
  LatentUse use;
  use.rows = rows_;
  use.latents = static_cast<int>(fired_.size());
  for (const int64_t fired : fired_) {
    // In whole numbers: exactly a tenth, or half, is not more than it.
    use.dead += fired == 0 ? 1 : 0;
    use.dense += 10 * fired > rows_ ? 1 : 0;
    use.over_half += 2 * fired > rows_ ? 1 : 0;
  }
  return use;
}

}  // namespace recsae::explainer
