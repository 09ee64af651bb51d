#include "services/explainer/attribution/reasons.h"

#include <algorithm>
#include <cstddef>
#include <unordered_map>

namespace recsae::explainer {
namespace {

using Code = std::vector<sae::LatentActivation>;

// What the groups' latents add to `with` that they do not add to `without`.
std::vector<Direction> ThroughGroups(const sae::SaeModel& sae, const Code& with,
                                     const Code& without,
                                     const std::unordered_map<int32_t, size_t>& group_of,
                                     size_t groups) {
  std::vector<Direction> through(groups, Direction(static_cast<size_t>(sae.dim())));
  const auto add = [&](const Code& code, double sign) {
    for (const sae::LatentActivation& active : code) {
      const auto group = group_of.find(active.latent);
      if (group == group_of.end()) continue;
      AddTimes(sign * active.value, sae.Direction(active.latent), through[group->second]);
    }
  };
  add(with, 1);
  add(without, -1);
  return through;
}

}  // namespace

HistoryEffects::HistoryEffects(const sae::SaeModel* sae, absl::Span<const LatentGroup> groups,
                               absl::Span<const float> with, absl::Span<const float> without) {
  std::unordered_map<int32_t, size_t> group_of;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const MeanLatent& member : groups[g]) group_of[member.latent] = g;
  }
  const Code code = sae == nullptr ? Code() : sae->Encode(with.data());
  for (size_t first = 0; first < without.size(); first += with.size()) {
    const absl::Span<const float> x = without.subspan(first, with.size());
    Direction& effect = effects_.emplace_back(with.begin(), with.end());
    AddTimes(-1, x, effect);
    if (sae == nullptr) continue;
    groups_.push_back(ThroughGroups(*sae, code, sae->Encode(x.data()), group_of, groups.size()));
  }
}

std::vector<HistoryEffect> HistoryEffects::On(const PredictionHead& head, int32_t item) const {
  const absl::Span<const float> vector = head.Vector(item);
  std::vector<HistoryEffect> effects(effects_.size());
  for (size_t i = 0; i < effects.size(); ++i) {
    effects[i].place = static_cast<int>(i);
    effects[i].effect = Dot(effects_[i], vector);
    if (groups_.empty()) continue;
    for (const Direction& group : groups_[i]) effects[i].groups.push_back(Dot(group, vector));
  }
  std::stable_sort(effects.begin(), effects.end(),
                   [](const HistoryEffect& a, const HistoryEffect& b) {
                     if ((a.effect > 0) != (b.effect > 0)) return a.effect > 0;
                     return a.effect > 0 ? a.effect > b.effect : a.effect < b.effect;
                   });
  return effects;
}

std::vector<HistoryEffect> WithSteps(const sae::SaeModel* sae, absl::Span<const LatentGroup> groups,
                                     absl::Span<const float> with, absl::Span<const float> after,
                                     absl::Span<const int> places, const PredictionHead& head,
                                     int32_t item, std::vector<HistoryEffect> effects) {
  std::vector<HistoryEffect> all;
  absl::Span<const float> before = with;
  for (size_t i = 0; i < places.size(); ++i) {
    const absl::Span<const float> x = after.subspan(i * with.size(), with.size());
    HistoryEffect step = HistoryEffects(sae, groups, before, x).On(head, item).front();
    step.place = places[i];
    step.step = static_cast<int>(i) + 1;
    all.push_back(std::move(step));
    before = x;
  }
  for (HistoryEffect& effect : effects) {
    const bool taken = std::find(places.begin(), places.end(), effect.place) != places.end();
    if (!taken) all.push_back(std::move(effect));
  }
  return all;
}

}  // namespace recsae::explainer
