#include "services/explainer/verification/case_selection.h"

#include <algorithm>
#include <cstddef>
#include <unordered_set>

#include "common/base/random.h"
#include "services/explainer/labeling/roles.h"

namespace recsae::explainer {
namespace {

// Up to n of the candidates at random that do not activate the latent, none twice; with
// `one_of_a_user`, no two of one user.
std::vector<int32_t> Draw(const CaseTable& cases, int latent,
                          const std::vector<int32_t>& candidates, size_t n, bool one_of_a_user,
                          MersenneRandom& random) {
  std::unordered_set<int32_t> taken;
  for (const ActiveCase& item : cases.Active(latent)) taken.insert(item.index);
  std::unordered_set<int32_t> users;
  std::vector<int32_t> drawn;
  const size_t tries = std::min(candidates.size() * 4, n * 20 + 100);
  for (size_t i = 0; i < tries && drawn.size() < n; ++i) {
    const int32_t candidate = candidates[random.Below(candidates.size())];
    if (one_of_a_user && users.contains(cases.at(candidate).user)) continue;
    if (!taken.insert(candidate).second) continue;
    users.insert(cases.at(candidate).user);
    drawn.push_back(candidate);
  }
  return drawn;
}

}  // namespace

CaseSelector::CaseSelector(const CaseTable& cases, const SelectionOptions& options)
    : cases_(cases), options_(options) {
  for (int32_t i = 0; i < cases.size(); ++i) {
    const Case& item = cases.at(i);
    if (item.ranked.empty()) continue;
    if (RoleOf(options.seed, item.user) == Role::kThreshold) thresholds_.push_back(i);
    if (item.capture == 0) usable_.push_back(i);
  }
}

CaseSelection CaseSelector::Select(int latent) const {
  MersenneRandom random(Random::Mix(options_.seed, 2, static_cast<uint64_t>(latent)));
  const auto n = static_cast<size_t>(options_.paper_cases);
  std::vector<int32_t> top;  // the paper's 2N
  for (const ActiveCase& item : cases_.Active(latent)) {
    const Case& from = cases_.at(item.index);
    if (from.capture == 0 && !from.ranked.empty() && top.size() < 2 * n) top.push_back(item.index);
  }
  if (top.size() < 2 * n || n == 0) return {};
  random.Shuffle(&top);
  const auto half = top.begin() + static_cast<std::ptrdiff_t>(top.size() / 2);
  CaseSelection selection;
  selection.construction.assign(top.begin(), half);
  selection.positives.assign(half, top.end());
  selection.negatives = Draw(cases_, latent, usable_, n, false, random);
  return selection;
}

std::vector<int32_t> CaseSelector::Background(int latent, int n) const {
  MersenneRandom random(Random::Mix(options_.seed, 3, static_cast<uint64_t>(latent)));
  if (thresholds_.empty()) return {};
  return Draw(cases_, latent, thresholds_, static_cast<size_t>(n), true, random);
}

}  // namespace recsae::explainer
