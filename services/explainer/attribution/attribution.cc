// Attribution of scores to latents.
#include "services/explainer/attribution/attribution.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>

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

struct ChosenItems {
  std::vector<ItemAttribution> items;  // with rank and score
  std::vector<int32_t> best;           // kRivals + 1 at most
};

ChosenItems ChooseItems(const PredictionHead& head, absl::Span<const float> x,
                        const ItemChoice& choice) {
  std::vector<float> scores(head.items());
  ScoreItems(x, head, absl::MakeSpan(scores));
  std::vector<ScoredItem> best = TopN(scores, std::max(choice.top, kRivals + 1), choice.excluded);
  ChosenItems chosen;
  for (size_t i = 0; i < best.size() && i <= kRivals; ++i) chosen.best.push_back(best[i].item);
  best.resize(std::min(best.size(), static_cast<size_t>(choice.top)));
  std::vector<ItemAttribution>& items = chosen.items;
  items.reserve(best.size() + choice.also.size());
  const auto add = [&](int32_t item, int rank) {
    ItemAttribution& added = items.emplace_back();
    added.item = item;
    added.rank = rank;
    added.score = Dot(x, head.Vector(item)) + head.Bias(item);
  };
  for (size_t i = 0; i < best.size(); ++i) add(best[i].item, static_cast<int>(i) + 1);
  if (choice.also.empty()) return chosen;
  std::vector<bool> left_out(scores.size());
  for (const int32_t item : choice.excluded) left_out[item] = true;
  const std::vector<int> ranks = Ranks(scores, left_out, choice.also);
  for (size_t i = 0; i < ranks.size(); ++i) add(choice.also[i], ranks[i]);
  return chosen;
}

// The mean vector of the best items but one.
Direction MeanOfRivals(const PredictionHead& head, const Direction& sum,
                       const std::vector<int32_t>& best, int32_t but) {
  Direction mean = sum;
  auto count = static_cast<double>(best.size());
  if (std::find(best.begin(), best.end(), but) != best.end()) {
    AddTimes(-1, head.Vector(but), mean);
    --count;
  }
  for (double& value : mean) value /= std::max(count, 1.0);
  return mean;
}

}  // namespace

ActivationExplanation ExplainActivation(const sae::SaeModel& sae, const PredictionHead* head,
                                        absl::Span<const float> x, const ItemChoice& choice) {
  ActivationExplanation explanation;
  explanation.latents = sae.Encode(x.data());
  const std::vector<double> residual = Residual(sae, x, explanation.latents);
  explanation.relative_error = RelativeError(x, residual);
  if (head == nullptr) return explanation;

  ChosenItems chosen = ChooseItems(*head, x, choice);
  explanation.items = std::move(chosen.items);
  Direction sum(x.size());
  for (const int32_t item : chosen.best) AddTimes(1, head->Vector(item), sum);
  for (ItemAttribution& parts : explanation.items) {
    const absl::Span<const float> vector = head->Vector(parts.item);
    const Direction rivals = MeanOfRivals(*head, sum, chosen.best, parts.item);
    parts.contributions.reserve(explanation.latents.size());
    parts.margins.reserve(explanation.latents.size());
    for (const sae::LatentActivation& active : explanation.latents) {
      const std::span<const float> direction = sae.Direction(active.latent);
      parts.contributions.push_back(active.value * Dot(direction, vector));
      parts.margins.push_back(parts.contributions.back() - active.value * Dot(direction, rivals));
    }
    parts.bias = Dot(sae.Bias(), vector) + head->Bias(parts.item);
    parts.residual = Dot(residual, vector);
  }
  return explanation;
}

std::vector<ItemAttribution> RankItems(const PredictionHead& head, absl::Span<const float> x,
                                       const ItemChoice& choice) {
  std::vector<ItemAttribution> items = ChooseItems(head, x, choice).items;
  for (ItemAttribution& parts : items) {
    parts.bias = head.Bias(parts.item);
    parts.residual = parts.score - parts.bias;
  }
  return items;
}

}  // namespace recsae::explainer
