#include "services/explainer/verification/case_selection.h"

#include <algorithm>
#include <unordered_set>

#include "common/base/random.h"

namespace recsae::explainer {
namespace {

// Up to n of the candidates at random, without `taken`, which grows.
std::vector<int32_t> Draw(const std::vector<int32_t>& candidates, size_t n, MersenneRandom& random,
                          std::unordered_set<int32_t>& taken) {
  std::vector<int32_t> drawn;
  const size_t tries = std::min(candidates.size() * 4, n * 20 + 100);
  for (size_t i = 0; i < tries && drawn.size() < n; ++i) {
    const int32_t candidate = candidates[random.Below(candidates.size())];
    if (taken.insert(candidate).second) drawn.push_back(candidate);
  }
  return drawn;
}

// n of the values, evenly spread over their order.
std::vector<int32_t> Spread(const std::vector<int32_t>& values, size_t n) {
  if (values.size() <= n) return values;
  std::vector<int32_t> chosen;
  for (size_t i = 0; i < n; ++i) chosen.push_back(values[(2 * i + 1) * values.size() / (2 * n)]);
  return chosen;
}

}  // namespace

CaseSelector::CaseSelector(const CaseTable& cases, const SelectionOptions& options)
    : cases_(cases), options_(options) {
  for (int32_t i = 0; i < cases.size(); ++i) {
    const Case& item = cases.at(i);
    if (item.ranked.empty()) continue;
    usable_.push_back(i);
    if (item.capture == 0) usable_paper_.push_back(i);
    const auto recommended = static_cast<size_t>(item.ranked[0]);
    if (by_recommended_.size() <= recommended) by_recommended_.resize(recommended + 1);
    by_recommended_[recommended].push_back(i);
  }
}

bool CaseSelector::Describes(int32_t index) const {
  return (Random::Mix(options_.seed, 1, static_cast<uint64_t>(cases_.at(index).user)) & 1) == 0;
}

CaseSelection CaseSelector::Select(int latent) const {
  CaseSelection selection;
  MersenneRandom random(Random::Mix(options_.seed, 2, static_cast<uint64_t>(latent)));
  const auto n = static_cast<size_t>(options_.paper_cases);

  std::unordered_set<int32_t> active;
  std::vector<int32_t> top;  // the paper's 2N
  for (const ActiveCase& item : cases_.Active(latent)) {
    active.insert(item.index);
    const Case& from = cases_.at(item.index);
    if (from.capture == 0 && !from.ranked.empty() && top.size() < 2 * n) top.push_back(item.index);
  }
  if (top.size() < 2 * n) top.clear();
  random.Shuffle(&top);
  const auto half = top.begin() + static_cast<std::ptrdiff_t>(top.size() / 2);
  selection.paper_construction.assign(top.begin(), half);
  selection.paper_positives.assign(half, top.end());
  selection.construction = selection.paper_construction;
  std::unordered_set<int32_t> verifying_users;
  for (const int32_t index : selection.paper_positives) {
    verifying_users.insert(cases_.at(index).user);
  }

  const std::unordered_set<int32_t> described(selection.construction.begin(),
                                              selection.construction.end());
  std::vector<int32_t> describing;
  std::vector<int32_t> verifying;
  for (const ActiveCase& item : cases_.Active(latent)) {
    if (cases_.at(item.index).ranked.empty() || described.contains(item.index)) continue;
    if (!Describes(item.index)) {
      verifying.push_back(item.index);
    } else if (!verifying_users.contains(cases_.at(item.index).user)) {
      describing.push_back(item.index);
    }
  }
  // Strongly activated cases say most about a latent: the upper half of them describes it.
  describing.resize((describing.size() + 1) / 2);
  for (const int32_t index : Spread(describing, static_cast<size_t>(options_.more_construction))) {
    selection.construction.push_back(index);
  }
  selection.extended_positives = Spread(verifying, static_cast<size_t>(options_.extended_cases));

  std::unordered_set<int32_t> taken = active;
  if (!selection.paper_positives.empty()) {
    selection.paper_negatives = Draw(usable_paper_, n, random, taken);
  }
  if (selection.extended_positives.empty()) return selection;

  std::vector<int32_t> near;
  std::unordered_set<int32_t> recommended;
  for (const int32_t index : selection.extended_positives) {
    const int32_t item = cases_.at(index).ranked[0];
    if (!recommended.insert(item).second) continue;
    for (const int32_t other : by_recommended_[static_cast<size_t>(item)]) {
      if (!active.contains(other) && !Describes(other)) near.push_back(other);
    }
  }
  const size_t negatives = selection.extended_positives.size();
  if (!near.empty()) {
    selection.extended_negatives = Draw(near, negatives / 2, random, taken);
  }
  selection.hard_negatives = static_cast<int>(selection.extended_negatives.size());
  const std::vector<int32_t> easy =
      Draw(usable_, negatives - selection.extended_negatives.size(), random, taken);
  selection.extended_negatives.insert(selection.extended_negatives.end(), easy.begin(), easy.end());
  return selection;
}

std::vector<int32_t> CaseSelector::Background(int latent, int n) const {
  MersenneRandom random(Random::Mix(options_.seed, 3, static_cast<uint64_t>(latent)));
  std::unordered_set<int32_t> taken;
  for (const ActiveCase& item : cases_.Active(latent)) taken.insert(item.index);
  std::vector<int32_t> drawn = Draw(usable_, 2 * static_cast<size_t>(n), random, taken);
  std::erase_if(drawn, [&](int32_t index) { return !Describes(index); });
  if (drawn.size() > static_cast<size_t>(n)) drawn.resize(static_cast<size_t>(n));
  return drawn;
}

}  // namespace recsae::explainer
