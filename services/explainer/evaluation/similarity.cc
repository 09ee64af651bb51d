// Similarity of items within and between concepts.
#include "services/explainer/evaluation/similarity.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace recsae::explainer {
namespace {

std::vector<double> UnitVector(const PredictionHead& head, int32_t item) {
  const absl::Span<const float> vector = head.Vector(item);
  std::vector<double> unit(vector.begin(), vector.end());
  double norm = 0;
  for (const double value : unit) norm += value * value;
  if (norm == 0) return unit;
  for (double& value : unit) value /= std::sqrt(norm);
  return unit;
}

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

void MostActivatedItems::Add(absl::Span<const sae::LatentActivation> code, int32_t item) {
  for (const sae::LatentActivation& active : code) {
    auto& [first, second] = best_[active.latent];
    const Case added{active.value, item};
    if (item == first.item) {
      first.activation = std::max(first.activation, added.activation);
    } else if (first.item < 0 || added.activation > first.activation) {
      second = first;
      first = added;
    } else if (second.item < 0 || added.activation > second.activation) {
      second = added;
    }
  }
}

std::vector<int32_t> MostActivatedItems::Items(int32_t latent) const {
  std::vector<int32_t> items;
  for (const Case& best : best_[latent]) {
    if (best.item >= 0) items.push_back(best.item);
  }
  return items;
}

ConceptSimilarity MeasureSimilarity(const MostActivatedItems& items, const PredictionHead& head,
                                    absl::Span<const int32_t> latents) {
  ConceptSimilarity similarity;
  int pairs_within = 0;
  // Over all ordered pairs of unit vectors: sum <u_i, u_j> = |sum u|^2, minus the pairs i = j.
  std::vector<double> sum(head.dim);
  double with_itself = 0;
  for (const int32_t latent : latents) {
    const std::vector<int32_t> best = items.Items(latent);
    if (best.empty()) continue;
    const std::vector<double> first = UnitVector(head, best[0]);
    ++similarity.concepts;
    with_itself += Dot(first, first);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += first[i];
    if (best.size() < 2) continue;
    ++pairs_within;
    similarity.intra += Dot(first, UnitVector(head, best[1]));
  }
  if (pairs_within > 0) similarity.intra /= pairs_within;
  const double n = similarity.concepts;
  if (n > 1) similarity.inter = (Dot(sum, sum) - with_itself) / (n * (n - 1));
  return similarity;
}

}  // namespace recsae::explainer
