// Edits of latents and their effect on recommendations.
#include "services/explainer/steering/steering.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ranking/ranking.h"
#include "services/explainer/steering/projection.h"

namespace recsae::explainer {
namespace {

double Apply(const LatentEdit& edit, double z) {
  switch (edit.operation) {
    case LatentEdit::Operation::kScale:
      return edit.value * z;
    case LatentEdit::Operation::kAdd:
      return std::max(0.0, z + edit.value);
    case LatentEdit::Operation::kPush:
      return z + edit.value;
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

double Dot(absl::Span<const double> a, absl::Span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double Length(absl::Span<const double> x) { return std::sqrt(Dot(x, x)); }

// What is left of `x` when `y` is taken from it.
std::vector<double> Less(absl::Span<const double> x, absl::Span<const double> y) {
  std::vector<double> rest(x.begin(), x.end());
  for (size_t i = 0; i < rest.size(); ++i) rest[i] -= y[i];
  return rest;
}

absl::Status NotFinite() {
  return Error(absl::StatusCode::kInvalidArgument, "STEERED_NOT_FINITE",
               "the edits drive the activation out of the range of float32; use smaller ones");
}

// x^ of a code.
std::vector<double> Decode(const sae::SaeModel& sae,
                           const std::vector<sae::LatentActivation>& code) {
  const std::span<const float> bias = sae.Bias();
  std::vector<double> sum(bias.begin(), bias.end());
  for (const sae::LatentActivation& active : code) {
    const std::span<const float> direction = sae.Direction(active.latent);
    for (size_t i = 0; i < sum.size(); ++i) {
      sum[i] += static_cast<double>(active.value) * direction[i];
    }
  }
  return sum;
}

// A change in two parts: what takes `projected` latents out of the activation as it is, and the
// rest.
struct Change {
  std::vector<double> projected;
  std::vector<double> rest;
  // The latents whose directions are projected out.
  std::vector<int32_t> latents;

  bool Projects(int32_t latent) const {
    return std::find(latents.begin(), latents.end(), latent) != latents.end();
  }
};

// From `start` by the latents' differences, less what is to be projected out.
Change ChangeFrom(const std::vector<double>& start, const sae::SaeModel& sae,
                  const std::vector<LatentChange>& changes, const SteeringOptions& options) {
  Change change = {std::vector<double>(start.size()), std::vector<double>(start.size()),
                   options.projected};
  for (size_t i = 0; i < options.shift.size(); ++i) change.rest[i] = options.shift[i];
  for (const LatentChange& latent : changes) {
    const double delta = latent.after - latent.before;
    if (delta == 0) continue;
    const std::span<const float> direction = sae.Direction(latent.latent);
    for (size_t i = 0; i < start.size(); ++i) change.rest[i] += delta * direction[i];
  }
  std::vector<double> mean(sae.Bias().begin(), sae.Bias().end());
  if (!options.baseline.empty()) mean.assign(options.baseline.begin(), options.baseline.end());
  for (const int32_t latent : options.lowered) {
    const std::span<const float> direction = sae.Direction(latent);
    double excess = 0;
    for (size_t i = 0; i < start.size(); ++i) {
      excess += (start[i] + change.rest[i] - mean[i]) * direction[i];
    }
    if (excess > 0) change.latents.push_back(latent);
  }
  if (change.latents.empty()) return change;
  Subspace removed;
  for (const int32_t latent : change.latents) removed.Add(sae.Direction(latent));
  std::vector<double> excess = Less(start, mean);
  if (options.eraser != nullptr && !options.projected.empty()) {
    excess = Less(excess, options.eraser->PartOf(excess));
  }
  change.rest = Less(change.rest, removed.PartOf(change.rest));
  excess = Less(excess, removed.PartOf(excess));
  change.projected = Less(excess, Less(start, mean));
  return change;
}

// Shortens a change to `limit`, the rest of it first.
void Shorten(double limit, Change& change, SteeredActivation& steered) {
  const double projected = Dot(change.projected, change.projected);
  const double rest = Dot(change.rest, change.rest);
  const double both = Dot(change.projected, change.rest);
  const double whole = projected + 2 * both + rest;
  if (whole <= limit * limit) return;
  if (projected <= limit * limit) {
    // The t at which |projected + t rest| is the limit.
    const double room = limit * limit - projected;
    steered.bounded_by = (std::sqrt(both * both + rest * room) - both) / rest;
  } else {
    steered.bounded_by = limit / std::sqrt(whole);
    steered.projected_wholly = false;
    for (double& value : change.projected) value *= steered.bounded_by;
  }
  for (double& value : change.rest) value *= steered.bounded_by;
}

// What the latents have after all: projected ones nothing, others what the bound left.
void WriteAfter(const Change& change, SteeredActivation& steered) {
  if (steered.bounded_by == 1) return;
  for (LatentChange& latent : steered.changes) {
    if (steered.projected_wholly && change.Projects(latent.latent)) continue;
    latent.after = latent.before + steered.bounded_by * (latent.after - latent.before);
  }
}

}  // namespace

double ChangeScale(absl::Span<const float> x, absl::Span<const float> baseline) {
  const std::vector<double> own(x.begin(), x.end());
  if (baseline.empty()) return Length(own);
  return Length(Less(own, std::vector<double>(baseline.begin(), baseline.end())));
}

absl::StatusOr<SteeredActivation> SteerActivation(const sae::SaeModel& sae,
                                                  absl::Span<const float> x,
                                                  absl::Span<const LatentEdit> edits,
                                                  const SteeringOptions& options) {
  SteeredActivation steered;
  const std::vector<sae::LatentActivation> code = sae.Encode(x.data());
  steered.changes = ApplyAll(code, edits, steered.effective);

  // In both modes the edits add their differences; only what they are added to differs.
  const bool reconstruct = options.mode == SteeringMode::kReconstruction;
  const std::vector<double> own(x.begin(), x.end());
  const std::vector<double> start = reconstruct ? Decode(sae, code) : own;
  Change change = ChangeFrom(start, sae, steered.changes, options);
  if (!std::isfinite(Length(change.rest))) return NotFinite();
  const double scale = ChangeScale(x, options.baseline);
  if (options.max_change > 0 && !reconstruct && scale > 0) {
    Shorten(options.max_change * scale, change, steered);
  }
  WriteAfter(change, steered);
  for (size_t i = 0; i < edits.size() && Length(change.projected) > 0; ++i) {
    if (change.Projects(edits[i].latent)) steered.effective[i] = true;
  }

  steered.activation.reserve(start.size());
  std::vector<double> moved(start.size());
  for (size_t i = 0; i < start.size(); ++i) {
    const double by = change.projected[i] + change.rest[i];
    const double value = by == 0 ? start[i] : start[i] + by;  // -0 stays -0
    if (!(std::abs(value) <= std::numeric_limits<float>::max())) return NotFinite();
    steered.activation.push_back(static_cast<float>(value));
    moved[i] = steered.activation.back() - own[i];
  }
  steered.change = scale > 0 ? Length(moved) / scale : 0;
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
