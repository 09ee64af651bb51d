#include "services/explainer/verification/case_selection.h"

#include <algorithm>
#include <cstddef>
#include <unordered_set>
#include <utility>

#include "common/base/random.h"

namespace recsae::explainer {
namespace {

// Up to n of the candidates at random, none of `taken`, which grows. With `users`, one of a user,
// and none of those in it.
class Drawer {
 public:
  Drawer(const CaseTable& cases, std::unordered_set<int32_t> taken)
      : cases_(cases), taken_(std::move(taken)) {}

  void TakeUser(int32_t index) { users_.insert(cases_.at(index).user); }

  std::vector<int32_t> Draw(const std::vector<int32_t>& candidates, size_t n, bool one_of_a_user,
                            MersenneRandom& random) {
    std::vector<int32_t> drawn;
    const size_t tries = std::min(candidates.size() * 4, n * 20 + 100);
    for (size_t i = 0; i < tries && drawn.size() < n; ++i) {
      const int32_t candidate = candidates[random.Below(candidates.size())];
      if (one_of_a_user && users_.contains(cases_.at(candidate).user)) continue;
      if (!taken_.insert(candidate).second) continue;
      users_.insert(cases_.at(candidate).user);
      drawn.push_back(candidate);
    }
    return drawn;
  }

 private:
  const CaseTable& cases_;
  std::unordered_set<int32_t> taken_;
  std::unordered_set<int32_t> users_;
};

// n of the values, evenly spread over their order.
std::vector<int32_t> Spread(const std::vector<int32_t>& values, int n) {
  const auto wanted = static_cast<size_t>(n);
  if (values.size() <= wanted) return values;
  std::vector<int32_t> chosen;
  for (size_t i = 0; i < wanted; ++i) {
    chosen.push_back(values[(2 * i + 1) * values.size() / (2 * wanted)]);
  }
  return chosen;
}

std::unordered_set<int32_t> ActiveIndices(const CaseTable& cases, int latent) {
  std::unordered_set<int32_t> active;
  for (const ActiveCase& item : cases.Active(latent)) active.insert(item.index);
  return active;
}

}  // namespace

CaseSelector::CaseSelector(const CaseTable& cases, const SelectionOptions& options)
    : cases_(cases), options_(options) {
  for (int32_t i = 0; i < cases.size(); ++i) {
    const Case& item = cases.at(i);
    if (item.ranked.empty()) continue;
    const Role role = RoleOf(options.seed, item.user);
    usable_[static_cast<size_t>(role)].push_back(i);
    if (item.capture == 0) usable_paper_.push_back(i);
    if (role != Role::kMeasure) continue;
    const auto recommended = static_cast<size_t>(item.ranked[0]);
    if (by_recommended_.size() <= recommended) by_recommended_.resize(recommended + 1);
    by_recommended_[recommended].push_back(i);
  }
}

CaseSelection CaseSelector::Select(int latent) const {
  CaseSelection selection;
  SelectPaper(latent, selection);
  std::vector<int32_t> describing = Strongest(latent, Role::kDescribe);
  // Strongly activated cases say most about a latent: the upper half of them describes it.
  describing.resize((describing.size() + 1) / 2);
  selection.construction = Spread(describing, options_.construction_cases);
  selection.threshold_positives =
      Spread(Strongest(latent, Role::kThreshold), options_.construction_cases);
  selection.extended_positives = Spread(Strongest(latent, Role::kMeasure), options_.extended_cases);
  SelectNegatives(latent, selection);
  return selection;
}

void CaseSelector::SelectPaper(int latent, CaseSelection& selection) const {
  MersenneRandom random(Random::Mix(options_.seed, 2, static_cast<uint64_t>(latent)));
  const auto n = static_cast<size_t>(options_.paper_cases);
  std::vector<int32_t> top;  // the paper's 2N
  for (const ActiveCase& item : cases_.Active(latent)) {
    const Case& from = cases_.at(item.index);
    if (from.capture == 0 && !from.ranked.empty() && top.size() < 2 * n) top.push_back(item.index);
  }
  if (top.size() < 2 * n || n == 0) return;
  random.Shuffle(&top);
  const auto half = top.begin() + static_cast<std::ptrdiff_t>(top.size() / 2);
  selection.paper_construction.assign(top.begin(), half);
  selection.paper_positives.assign(half, top.end());
  selection.paper_negatives =
      Drawer(cases_, ActiveIndices(cases_, latent)).Draw(usable_paper_, n, false, random);
}

std::vector<int32_t> CaseSelector::Strongest(int latent, Role role) const {
  std::vector<int32_t> strongest;
  std::unordered_set<int32_t> users;
  for (const ActiveCase& item : cases_.Active(latent)) {
    const Case& from = cases_.at(item.index);
    if (from.ranked.empty() || RoleOf(options_.seed, from.user) != role) continue;
    if (users.insert(from.user).second) strongest.push_back(item.index);
  }
  return strongest;
}

void CaseSelector::SelectNegatives(int latent, CaseSelection& selection) const {
  const std::vector<int32_t>& positives = selection.extended_positives;
  if (positives.empty()) return;
  MersenneRandom random(Random::Mix(options_.seed, 4, static_cast<uint64_t>(latent)));
  const std::unordered_set<int32_t> active = ActiveIndices(cases_, latent);
  Drawer drawer(cases_, active);
  std::vector<int32_t> near;
  std::unordered_set<int32_t> recommended;
  for (const int32_t index : positives) {
    drawer.TakeUser(index);
    const int32_t item = cases_.at(index).ranked[0];
    if (!recommended.insert(item).second) continue;
    for (const int32_t other : by_recommended_[static_cast<size_t>(item)]) {
      if (!active.contains(other)) near.push_back(other);
    }
  }
  if (!near.empty()) {
    selection.extended_negatives = drawer.Draw(near, positives.size() / 2, true, random);
  }
  selection.hard_negatives = static_cast<int>(selection.extended_negatives.size());
  const std::vector<int32_t> easy =
      drawer.Draw(usable_[static_cast<size_t>(Role::kMeasure)],
                  positives.size() - selection.extended_negatives.size(), true, random);
  selection.extended_negatives.insert(selection.extended_negatives.end(), easy.begin(), easy.end());
}

std::vector<int32_t> CaseSelector::Background(int latent, int n) const {
  MersenneRandom random(Random::Mix(options_.seed, 3, static_cast<uint64_t>(latent)));
  const std::vector<int32_t>& usable = usable_[static_cast<size_t>(Role::kThreshold)];
  if (usable.empty()) return {};
  return Drawer(cases_, ActiveIndices(cases_, latent))
      .Draw(usable, static_cast<size_t>(n), true, random);
}

}  // namespace recsae::explainer
