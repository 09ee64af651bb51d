#include "services/explainer/attribution/influence.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "common/math/linear.h"

namespace recsae::explainer {
namespace {

// Least l, of the curvature's mean: where x does not tell one.
constexpr double kLeastDecay = 1e-3;

// Items with their scores; those that are never shown (-inf) are not among them.
struct Scored {
  std::vector<int32_t> items;
  std::vector<double> scores;

  void Add(absl::Span<const float> x, const PredictionHead& head, int32_t item) {
    const double score = Dot(x, head.Vector(item)) + head.Bias(item);
    if (!std::isfinite(score)) return;
    items.push_back(item);
    scores.push_back(score);
  }
};

Scored Negatives(absl::Span<const float> x, const PredictionHead& head) {
  Scored negatives;
  const int64_t items = head.items();
  const int64_t count = std::min<int64_t>(items, kNegatives);
  for (int64_t j = 0; j < count; ++j) {
    negatives.Add(x, head, static_cast<int32_t>(j * items / count));
  }
  return negatives;
}

// to += factor * a b' [d, d].
void AddOuter(double factor, absl::Span<const float> a, const Direction& b,
              std::vector<double>& to) {
  for (size_t r = 0; r < b.size(); ++r) {
    const double scaled = factor * a[r];
    double* row = &to[r * b.size()];
    for (size_t c = 0; c < b.size(); ++c) row[c] += scaled * b[c];
  }
}

Direction Wide(absl::Span<const float> vector) { return {vector.begin(), vector.end()}; }

// Gradients of each item and the curvature of all of them, without the decay.
struct Terms {
  std::vector<Direction> gradients;  // towards the item
  std::vector<double> curvature;     // [d, d]
};

Terms TermsOf(absl::Span<const float> x, const PredictionHead& head,
              absl::Span<const int32_t> items) {
  const Scored negatives = Negatives(x, head);
  const double share = 1 / std::max(1.0, static_cast<double>(negatives.items.size()));
  Terms terms{{}, std::vector<double>(x.size() * x.size())};
  std::vector<double> of_negatives(negatives.items.size());
  std::vector<double> crossed(x.size() * x.size());
  for (const int32_t item : items) {
    const absl::Span<const float> vector = head.Vector(item);
    const double score = Dot(x, vector) + head.Bias(item);
    Direction pushed(x.size()), bent(x.size());
    double pull = 0, bend = 0;
    for (size_t j = 0; j < negatives.items.size(); ++j) {
      // How likely the pair is taken the wrong way round, and how fast that changes.
      const double wrong = share / (1 + std::exp(score - negatives.scores[j]));
      const double slope = wrong * (1 - wrong / share);
      const absl::Span<const float> other = head.Vector(negatives.items[j]);
      AddTimes(wrong, other, pushed);
      AddTimes(slope, other, bent);
      of_negatives[j] += slope;
      pull += wrong;
      bend += slope;
    }
    Direction& gradient = terms.gradients.emplace_back(x.size());
    AddTimes(pull, vector, gradient);
    AddTimes(-1, pushed, gradient);
    AddOuter(bend, vector, Wide(vector), terms.curvature);
    AddOuter(1, vector, bent, crossed);
  }
  for (size_t j = 0; j < negatives.items.size(); ++j) {
    const absl::Span<const float> other = head.Vector(negatives.items[j]);
    AddOuter(of_negatives[j], other, Wide(other), terms.curvature);
  }
  for (size_t r = 0; r < x.size(); ++r) {
    for (size_t c = 0; c < x.size(); ++c) {
      terms.curvature[r * x.size() + c] -= crossed[r * x.size() + c] + crossed[c * x.size() + r];
    }
  }
  return terms;
}

}  // namespace

Influences InfluencesOn(absl::Span<const float> x, const PredictionHead& head,
                        absl::Span<const int32_t> items) {
  Influences influences;
  const double norm = Dot(x, x);
  if (items.empty() || norm == 0) {
    influences.effects.assign(items.size(), Direction(x.size()));
    return influences;
  }
  Terms terms = TermsOf(x, head, items);
  Direction all(x.size());
  for (const Direction& gradient : terms.gradients) AddTimes(1, gradient, all);
  // At the minimum the items pull as much as the decay does: all = l x.
  const double along = Dot(all, x);
  const double length = Dot(all, all);
  if (along > 0) influences.fit = std::min(1.0, along * along / (length * norm));
  double trace = 0;
  for (size_t i = 0; i < x.size(); ++i) trace += terms.curvature[i * x.size() + i];
  const double decay =
      std::max({along / norm, kLeastDecay * trace / static_cast<double>(x.size()), 1e-12});
  for (size_t i = 0; i < x.size(); ++i) terms.curvature[i * x.size() + i] += decay;

  const size_t count = items.size();
  std::vector<double> right(x.size() * count);
  for (size_t c = 0; c < x.size(); ++c) {
    for (size_t i = 0; i < count; ++i) right[c * count + i] = terms.gradients[i][c];
  }
  const std::vector<double> solved = math::SolveSymmetric(
      terms.curvature, right, static_cast<int>(x.size()), static_cast<int>(count));
  for (size_t i = 0; i < count; ++i) {
    Direction& effect = influences.effects.emplace_back(x.size());
    for (size_t c = 0; c < x.size(); ++c) effect[c] = solved[c * count + i];
  }
  return influences;
}

}  // namespace recsae::explainer
