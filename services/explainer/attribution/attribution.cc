// Attribution of scores to latents.
#include "services/explainer/attribution/attribution.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>

#include "common/ranking/ranking.h"
#include "services/explainer/attribution/directions.h"

namespace recsae::explainer {
namespace {

// x − x̂ in double.
std::vector<double> Residual(const sae::SaeModel& sae, absl::Span<const float> x,
                             const std::vector<sae::LatentActivation>& code) {
  const std::span<const float> bias = sae.Bias();
  std::vector<double> residual(x.size());
  for (size_t i = 0; i < x.size(); ++i) residual[i] = static_cast<double>(x[i]) - bias[i];
  for (const sae::LatentActivation& active : code) {
    const std::span<const float> direction = sae.Direction(active.latent);
    for (size_t i = 0; i < x.size(); ++i) {
      residual[i] -= static_cast<double>(active.value) * direction[i];
    }
  }
  return residual;
}

double RelativeError(absl::Span<const float> x, const std::vector<double>& residual) {
  const double error = Dot(residual, residual);
  const double norm = Dot(x, x);
  if (norm > 0) return error / norm;
  return error > 0 ? 1 : 0;
}

// Where each of `items` would stand among the items that are not left out; equal scores by the
// lower index, NaN below all. One pass over the scores, however many are asked for.
std::vector<int> Ranks(absl::Span<const float> scores, const std::vector<bool>& left_out,
                       absl::Span<const int32_t> items) {
  const auto is_better = [&](int32_t a, int32_t b) {
    const float of_a = scores[a], of_b = scores[b];
    if (std::isnan(of_a) || std::isnan(of_b)) {
      return std::isnan(of_a) == std::isnan(of_b) ? a < b : std::isnan(of_b);
    }
    return of_a > of_b || (of_a == of_b && a < b);
  };
  std::vector<int32_t> asked(items.begin(), items.end());
  std::sort(asked.begin(), asked.end(), is_better);
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
  // Others that are better than asked[p] and not than asked[p - 1].
  std::vector<int> better(asked.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    const auto other = static_cast<int32_t>(i);
    if (left_out[i] || !is_better(other, asked.back())) continue;
    ++better[std::upper_bound(asked.begin(), asked.end(), other, is_better) - asked.begin()];
  }
  std::partial_sum(better.begin(), better.end(), better.begin());
  std::vector<int> ranks;
  ranks.reserve(items.size());
  for (const int32_t item : items) {
    ranks.push_back(
        1 + better[std::lower_bound(asked.begin(), asked.end(), item, is_better) - asked.begin()]);
  }
  return ranks;
}

// The items of a choice with rank and score.
std::vector<ItemAttribution> ChooseItems(const PredictionHead& head, absl::Span<const float> x,
                                         const ItemChoice& choice) {
  std::vector<float> scores(head.items());
  ScoreItems(x, head, absl::MakeSpan(scores));
  const std::vector<ScoredItem> best = TopN(scores, choice.top, choice.excluded);
  std::vector<ItemAttribution> items;
  items.reserve(best.size() + choice.also.size());
  const auto add = [&](int32_t item, int rank) {
    ItemAttribution& added = items.emplace_back();
    added.item = item;
    added.rank = rank;
    added.score = Dot(x, head.Vector(item)) + head.Bias(item);
  };
  for (size_t i = 0; i < best.size(); ++i) add(best[i].item, static_cast<int>(i) + 1);
  if (choice.also.empty()) return items;
  std::vector<bool> left_out(scores.size());
  for (const int32_t item : choice.excluded) left_out[item] = true;
  const std::vector<int> ranks = Ranks(scores, left_out, choice.also);
  for (size_t i = 0; i < ranks.size(); ++i) add(choice.also[i], ranks[i]);
  return items;
}

}  // namespace

ActivationExplanation ExplainActivation(const sae::SaeModel& sae, const PredictionHead* head,
                                        absl::Span<const float> x, const ItemChoice& choice) {
  ActivationExplanation explanation;
  explanation.latents = sae.Encode(x.data());
  const std::vector<double> residual = Residual(sae, x, explanation.latents);
  explanation.relative_error = RelativeError(x, residual);
  if (head == nullptr) return explanation;

  explanation.items = ChooseItems(*head, x, choice);
  for (ItemAttribution& parts : explanation.items) {
    const absl::Span<const float> vector = head->Vector(parts.item);
    parts.contributions.reserve(explanation.latents.size());
    for (const sae::LatentActivation& active : explanation.latents) {
      parts.contributions.push_back(active.value * Dot(sae.Direction(active.latent), vector));
    }
    parts.bias = Dot(sae.Bias(), vector) + head->Bias(parts.item);
    parts.residual = Dot(residual, vector);
  }
  return explanation;
}

std::vector<ItemAttribution> RankItems(const PredictionHead& head, absl::Span<const float> x,
                                       const ItemChoice& choice) {
  std::vector<ItemAttribution> items = ChooseItems(head, x, choice);
  for (ItemAttribution& parts : items) {
    parts.bias = head.Bias(parts.item);
    parts.residual = parts.score - parts.bias;
  }
  return items;
}

}  // namespace recsae::explainer
