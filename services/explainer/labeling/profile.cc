#include "services/explainer/labeling/profile.h"

#include <algorithm>

namespace recsae::explainer {
namespace {

// The items of a case with their weights; the weights add up to 1 unless there is no item at all.
std::vector<std::pair<int32_t, double>> WeighItems(const Case& from,
                                                   const ProfileOptions& options) {
  std::vector<std::pair<int32_t, double>> weighed;
  if (!from.ranked.empty()) weighed.emplace_back(from.ranked[0], options.recommended);
  for (size_t i = 1; i < from.ranked.size(); ++i) {
    weighed.emplace_back(from.ranked[i],
                         options.ranked / static_cast<double>(from.ranked.size() - 1));
  }
  const size_t recent =
      std::min(from.history.size(), static_cast<size_t>(std::max(options.history_items, 0)));
  double total = 0;
  double weight = 1;
  for (size_t i = 0; i < recent; ++i, weight *= options.history_decay) total += weight;
  weight = 1;
  for (size_t i = 0; i < recent; ++i, weight *= options.history_decay) {
    weighed.emplace_back(from.history[from.history.size() - 1 - i],
                         options.history * weight / total);
  }
  double sum = 0;
  for (const auto& [item, share] : weighed) sum += share;
  if (sum > 0) {
    for (auto& [item, share] : weighed) share /= sum;
  }
  return weighed;
}

}  // namespace

Profile MakeProfile(const Case& from, const ItemFeatures& features, const ProfileOptions& options) {
  Profile profile;
  for (const auto& [item, weight] : WeighItems(from, options)) {
    if (weight <= 0) continue;
    for (const int32_t feature : features.Of(item)) {
      profile.emplace_back(feature, static_cast<float>(weight));
    }
  }
  std::sort(profile.begin(), profile.end());
  size_t kept = 0;
  for (size_t i = 0; i < profile.size(); ++i) {
    if (kept > 0 && profile[kept - 1].first == profile[i].first) {
      profile[kept - 1].second += profile[i].second;
    } else {
      profile[kept++] = profile[i];
    }
  }
  profile.resize(kept);
  return profile;
}

}  // namespace recsae::explainer
