#include "services/explainer/steering/popularity.h"

#include <cmath>
#include <cstddef>

#include "common/ranking/ranking.h"

namespace recsae::explainer {
namespace {

constexpr int kListLength = 10;
constexpr int kHalvings = 12;

std::vector<int32_t> Best(absl::Span<const float> scores, absl::Span<const int32_t> excluded) {
  std::vector<int32_t> items;
  for (const ScoredItem& best : TopN(scores, kListLength, excluded)) items.push_back(best.item);
  return items;
}

}  // namespace

std::vector<int32_t> FirstTen(const PredictionHead& head, absl::Span<const float> activation,
                              absl::Span<const int32_t> excluded) {
  std::vector<float> scores(static_cast<size_t>(head.items()));
  ScoreItems(activation, head, absl::MakeSpan(scores));
  return Best(scores, excluded);
}

double StepsTowards(double novelty, const PredictionHead& head, absl::Span<const float> activation,
                    absl::Span<const double> step, absl::Span<const int32_t> excluded,
                    const ItemPopularity& popularity) {
  // Scores are linear in the steps.
  const auto items = static_cast<size_t>(head.items());
  std::vector<float> scores(items), gains(items), moved(items);
  ScoreItems(activation, head, absl::MakeSpan(scores));
  const std::vector<float> gain(step.begin(), step.end());
  ScoreItems(gain, head.vectors, {}, absl::MakeSpan(gains));
  const auto information_after = [&](double steps) {
    for (size_t i = 0; i < items; ++i) moved[i] = scores[i] + static_cast<float>(steps) * gains[i];
    const auto of = PopularityOf(Best(moved, excluded), popularity);
    return of ? of->novelty : novelty;
  };
  double nearest = 0;
  double gap = std::abs(information_after(0) - novelty);
  double low = -kMostOwnSteps, high = kMostOwnSteps;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    const double information = information_after(middle);
    if (std::abs(information - novelty) < gap) {
      gap = std::abs(information - novelty);
      nearest = middle;
    }
    (information > novelty ? low : high) = middle;
  }
  return nearest;
}

}  // namespace recsae::explainer
