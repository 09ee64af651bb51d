#include "services/explainer/steering/group_direction.h"

namespace recsae::explainer {

std::vector<LatentEdit> AddAlongGroup(absl::Span<const LatentFiring> group, double deviations) {
  double all = 0;
  for (const LatentFiring& firing : group) all += firing.active_rows * firing.mean;
  std::vector<LatentEdit> edits;
  for (const LatentFiring& firing : group) {
    const double share =
        all > 0 ? firing.active_rows * firing.mean / all : 1 / static_cast<double>(group.size());
    edits.push_back({firing.latent, LatentEdit::Operation::kAdd,
                     deviations * share * firing.standard_deviation});
  }
  return edits;
}

}  // namespace recsae::explainer
