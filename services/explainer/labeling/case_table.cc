#include "services/explainer/labeling/case_table.h"

#include <utility>

#include "common/base/status.h"
#include "common/math/sort.h"

namespace recsae::explainer {

void CaseTable::Add(Case new_case, std::span<const sae::LatentActivation> code) {
  const auto index = static_cast<int32_t>(cases_.size());
  cases_.push_back(std::move(new_case));
  for (const sae::LatentActivation& entry : code) {
    if (!(entry.value > 0)) continue;
    active_[static_cast<size_t>(entry.latent)].push_back({index, entry.value});
    codes_.push_back(entry);
  }
  code_begin_.push_back(static_cast<int64_t>(codes_.size()));
}

void CaseTable::Finish() {
  Finish([] { return absl::OkStatus(); }).IgnoreError();  // always alive
}

absl::Status CaseTable::Finish(absl::FunctionRef<absl::Status()> alive) {
  const auto stronger = [](const ActiveCase& a, const ActiveCase& b) {
    return a.activation != b.activation ? a.activation > b.activation : a.index < b.index;
  };
  for (std::vector<ActiveCase>& cases : active_) {
    RECSAE_RETURN_IF_ERROR(math::SortWhile(cases.begin(), cases.end(), stronger, alive));
  }
  return absl::OkStatus();
}

float CaseTable::Activation(int index, int latent) const {
  const auto i = static_cast<size_t>(index);
  for (int64_t at = code_begin_[i]; at < code_begin_[i + 1]; ++at) {
    const sae::LatentActivation& entry = codes_[static_cast<size_t>(at)];
    if (entry.latent == latent) return entry.value;
  }
  return 0;
}

}  // namespace recsae::explainer
