#include "services/explainer/steered/fitted_latents.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "common/math/linear.h"

namespace recsae::explainer {
namespace {

// Of the mean disturbance of a dimension: the moments are of some users, and hold for small
// changes.
constexpr double kRidge = 0.3;

// Of those that lead most towards the attribute, or away from it, by themselves; each costs dim^2
// operations.
constexpr size_t kCandidates = 512;

// NaN for a latent without a direction.
std::vector<double> UnitOf(const sae::SaeModel& sae, int32_t latent) {
  const std::span<const float> direction = sae.Direction(latent);
  std::vector<double> unit(direction.begin(), direction.end());
  const double length = std::sqrt(std::inner_product(unit.begin(), unit.end(), unit.begin(), 0.0));
  for (double& value : unit) value /= length;
  return unit;
}

// The problem with the directions of length 1.
class Fit {
 public:
  Fit(const sae::SaeModel& sae, std::span<const int32_t> candidates, const ListMoments& moments,
      size_t attribute)
      : dim_(static_cast<size_t>(moments.dim)),
        towards_(moments.towards[attribute]),
        cost_(moments.disturbance) {
    double trace = 0;
    for (size_t i = 0; i < dim_; ++i) trace += cost_[i * dim_ + i];
    for (size_t i = 0; i < dim_; ++i) {
      cost_[i * dim_ + i] += kRidge * trace / static_cast<double>(dim_) + 1e-12;
    }
    std::vector<std::pair<double, int32_t>> best;
    for (const int32_t latent : candidates) {
      const double along = Dot(UnitOf(sae, latent), towards_);
      if (std::isfinite(along)) best.emplace_back(-std::abs(along), latent);
    }
    std::sort(best.begin(), best.end());
    best.resize(std::min(best.size(), kCandidates));
    for (const auto& [along, latent] : best) {
      units_.push_back(UnitOf(sae, latent));
      latents_.push_back(latent);
      costs_.push_back(Dot(units_.back(), TimesCost(units_.back())));
    }
    used_.resize(units_.size());
  }

  // The candidate that gains most from where the chosen have come, in its direction or against it;
  // -1 where none gains.
  int Next() const {
    std::vector<double> rest = towards_;
    const std::vector<double> paid = TimesCost(Sum());
    for (size_t i = 0; i < dim_; ++i) rest[i] -= paid[i];
    int best = -1;
    double most = 0;
    for (size_t c = 0; c < units_.size(); ++c) {
      const double along = Dot(units_[c], rest);
      if (used_[c]) continue;
      const double gain = along * along / costs_[c];
      if (gain <= most) continue;
      most = gain;
      best = static_cast<int>(c);
    }
    return best;
  }

  // Takes a candidate in and weighs all anew.
  void Take(int candidate) {
    used_[static_cast<size_t>(candidate)] = true;
    chosen_.push_back(static_cast<size_t>(candidate));
    Weigh();
  }

  size_t chosen() const { return chosen_.size(); }

  // For a change of length 1.
  std::vector<LatentWeight> Weights(const sae::SaeModel& sae) const {
    const std::vector<double> sum = Sum();
    const double length = std::sqrt(Dot(sum, sum));
    std::vector<LatentWeight> weights;
    for (size_t i = 0; i < chosen_.size(); ++i) {
      const std::span<const float> direction = sae.Direction(latents_[chosen_[i]]);
      const double own =
          std::sqrt(std::inner_product(direction.begin(), direction.end(), direction.begin(), 0.0));
      weights.push_back({latents_[chosen_[i]], weights_[i] / own / length});
    }
    std::stable_sort(weights.begin(), weights.end(), [](const auto& a, const auto& b) {
      return std::abs(a.weight) > std::abs(b.weight);
    });
    return weights;
  }

 private:
  static double Dot(const std::vector<double>& a, const std::vector<double>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  }

  std::vector<double> TimesCost(const std::vector<double>& x) const {
    std::vector<double> product(dim_);
    for (size_t a = 0; a < dim_; ++a) {
      for (size_t b = 0; b < dim_; ++b) product[a] += cost_[a * dim_ + b] * x[b];
    }
    return product;
  }

  std::vector<double> Sum() const {
    std::vector<double> sum(dim_);
    for (size_t i = 0; i < chosen_.size(); ++i) {
      for (size_t d = 0; d < dim_; ++d) sum[d] += weights_[i] * units_[chosen_[i]][d];
    }
    return sum;
  }

  void Weigh() {
    const size_t n = chosen_.size();
    std::vector<double> gram(n * n);
    std::vector<double> gains(n);
    for (size_t a = 0; a < n; ++a) {
      const std::vector<double> paid = TimesCost(units_[chosen_[a]]);
      for (size_t b = 0; b < n; ++b) gram[a * n + b] = Dot(paid, units_[chosen_[b]]);
      gains[a] = Dot(units_[chosen_[a]], towards_);
    }
    weights_ =
        n == 0 ? std::vector<double>() : math::SolveSymmetric(gram, gains, static_cast<int>(n), 1);
  }

  size_t dim_;
  const std::vector<double>& towards_;
  std::vector<double> cost_;
  std::vector<std::vector<double>> units_;
  std::vector<int32_t> latents_;
  std::vector<double> costs_;
  std::vector<bool> used_;
  std::vector<size_t> chosen_;
  std::vector<double> weights_;
};

}  // namespace

std::vector<LatentWeight> FitLatents(const sae::SaeModel& sae, std::span<const int32_t> candidates,
                                     const ListMoments& moments, size_t attribute, int most) {
  Fit fit(sae, candidates, moments, attribute);
  while (fit.chosen() < static_cast<size_t>(most)) {
    const int next = fit.Next();
    if (next < 0) break;
    fit.Take(next);
  }
  return fit.Weights(sae);
}

std::vector<double> DirectionOf(const sae::SaeModel& sae, std::span<const LatentWeight> weights) {
  std::vector<double> sum(static_cast<size_t>(sae.dim()));
  for (const LatentWeight& weight : weights) {
    const std::span<const float> direction = sae.Direction(weight.latent);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += weight.weight * direction[i];
  }
  return sum;
}

}  // namespace recsae::explainer
