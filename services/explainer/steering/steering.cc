// Edits of latents and their effect on recommendations.
#include "services/explainer/steering/steering.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ranking/ranking.h"

namespace recsae::explainer {
namespace {

double Apply(const LatentEdit& edit, double z) {
  switch (edit.operation) {
    case LatentEdit::Operation::kScale:
      return edit.value * z;
    case LatentEdit::Operation::kAdd:
      return std::max(0.0, z + edit.value);
    case LatentEdit::Operation::kSet:
      return edit.value;
    case LatentEdit::Operation::kRemove:
      return 0;
  }
  return z;
}

std::vector<LatentChange> ApplyAll(const std::vector<sae::LatentActivation>& code,
                                   absl::Span<const LatentEdit> edits,
                                   std::vector<bool>& effective) {
  std::vector<LatentChange> changes;
  for (const LatentEdit& edit : edits) {
    const auto same_latent = [&](const auto& other) { return other.latent == edit.latent; };
    auto change = std::find_if(changes.begin(), changes.end(), same_latent);
    if (change == changes.end()) {
      const auto active = std::find_if(code.begin(), code.end(), same_latent);
      const double z = active == code.end() ? 0 : active->value;
      change = changes.insert(changes.end(), LatentChange{edit.latent, z, z});
    }
    const double before = change->after;
    change->after = Apply(edit, before);
    effective.push_back(change->after != before);
  }
  return changes;
}

std::vector<ScoredItem> Recommend(const PredictionHead& head, absl::Span<const float> x, int n,
                                  absl::Span<const int32_t> excluded) {
  std::vector<float> scores(head.items());
  ScoreItems(x, head, absl::MakeSpan(scores));
  return TopN(scores, n, excluded);
}

std::unordered_map<int32_t, int> Ranks(const std::vector<ScoredItem>& items) {
  std::unordered_map<int32_t, int> ranks;
  const size_t count = std::min<size_t>(items.size(), kOtherRankLimit);
  for (size_t i = 0; i < count; ++i) ranks[items[i].item] = static_cast<int>(i) + 1;
  return ranks;
}

std::vector<ComparedItem> WithRanks(const std::vector<ScoredItem>& items, int top,
                                    const std::unordered_map<int32_t, int>& other_ranks) {
  std::vector<ComparedItem> compared;
  const size_t count = std::min<size_t>(items.size(), top);
  for (size_t i = 0; i < count; ++i) {
    const auto other = other_ranks.find(items[i].item);
    compared.push_back(
        {items[i].item, items[i].score, other == other_ranks.end() ? 0 : other->second});
  }
  return compared;
}

}  // namespace

absl::StatusOr<SteeredActivation> SteerActivation(const sae::SaeModel& sae,
                                                  absl::Span<const float> x,
                                                  absl::Span<const LatentEdit> edits,
                                                  SteeringMode mode) {
  const std::vector<sae::LatentActivation> code = sae.Encode(x.data());
  SteeredActivation steered;
  steered.changes = ApplyAll(code, edits, steered.effective);

  // In both modes the edits add their differences; only what they are added to differs.
  std::vector<double> sum(x.begin(), x.end());
  if (mode == SteeringMode::kReconstruction) {
    const std::span<const float> bias = sae.Bias();
    sum.assign(bias.begin(), bias.end());
    for (const sae::LatentActivation& active : code) {
      const std::span<const float> direction = sae.Direction(active.latent);
      for (size_t i = 0; i < sum.size(); ++i) {
        sum[i] += static_cast<double>(active.value) * direction[i];
      }
    }
  }
  for (const LatentChange& change : steered.changes) {
    const double delta = change.after - change.before;
    if (delta == 0) continue;
    const std::span<const float> direction = sae.Direction(change.latent);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += delta * direction[i];
  }

  steered.activation.reserve(sum.size());
  for (const double value : sum) {
    if (!(std::abs(value) <= std::numeric_limits<float>::max())) {
      return Error(absl::StatusCode::kInvalidArgument, "STEERED_NOT_FINITE",
                   "the edits drive the activation out of the range of float32; use smaller ones");
    }
    steered.activation.push_back(static_cast<float>(value));
  }
  return steered;
}

ComparedRecommendations CompareRecommendations(const PredictionHead& head,
                                               absl::Span<const float> before,
                                               absl::Span<const float> after, int top,
                                               absl::Span<const int32_t> excluded) {
  const int depth = std::max(top, kOtherRankLimit);
  const std::vector<ScoredItem> first = Recommend(head, before, depth, excluded);
  const std::vector<ScoredItem> second = Recommend(head, after, depth, excluded);
  ComparedRecommendations compared;
  compared.before = WithRanks(first, top, Ranks(second));
  compared.after = WithRanks(second, top, Ranks(first));
  return compared;
}

}  // namespace recsae::explainer
