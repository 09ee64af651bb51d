// Pursuit: a Cholesky factor of the Gram matrix of the directions taken grows with them.
#include "common/sae/pursuit.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/math/simd/kernels.h"
#include "common/math/simd/top_k.h"

namespace recsae::sae {
namespace {

// A direction that adds less than this share of a row's norm is noise of float32.
constexpr float kLeastShare = 1e-6f;
// Least pivot of the Cholesky factor: directions closer to the span of those taken add nothing.
constexpr double kLeastPivot = 1e-8;

double Dot(const float* a, const float* b, int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

}  // namespace

// The pursuit of one row.
class Pursuit::Row {
 public:
  Row(const Pursuit& pursuit, const float* target, int k)
      : pursuit_(pursuit),
        target_(target),
        k_(k),
        least_(kLeastShare * std::sqrt(math::SquaredNorm(target, pursuit.dim_))),
        steps_left_(2 * k) {}

  bool done() const { return done_; }

  // Takes the latent whose direction has the largest product with the residual, and forms the new
  // residual.
  void Take(int32_t latent, float product, float* residual) {
    // What was dropped for a negative value could come back for ever.
    done_ = !(product > least_) || steps_left_-- == 0 || !Add(latent);
    if (done_) return;
    Solve();
    done_ = static_cast<int>(entries_.size()) == k_;
    if (!done_)
      math::Residual(target_, pursuit_.directions_.data(), entries_.data(), size(), pursuit_.dim_,
                     residual);
  }

  // The code, in units of the decoder's rows.
  std::vector<LatentActivation> Code() {
    for (LatentActivation& entry : entries_) {
      entry.value /= pursuit_.norms_[static_cast<size_t>(entry.latent)];
    }
    math::SortByValue(entries_.data(), size());
    return std::move(entries_);
  }

 private:
  int size() const { return static_cast<int>(entries_.size()); }
  const float* Direction(int32_t latent) const {
    return pursuit_.directions_.data() + static_cast<size_t>(latent) * pursuit_.dim_;
  }
  // The factor's row i has i + 1 values.
  double* FactorRow(size_t i) { return factor_.data() + i * (i + 1) / 2; }

  // Extends the Cholesky factor of the directions' Gram matrix, and the product with the row. False
  // if the direction lies in the span of those taken.
  bool Add(int32_t latent) {
    const size_t n = entries_.size();
    factor_.resize((n + 1) * (n + 2) / 2);
    double* row = FactorRow(n);
    double pivot = 1;
    for (size_t i = 0; i < n; ++i) {
      double value = Dot(Direction(latent), Direction(entries_[i].latent), pursuit_.dim_);
      const double* other = FactorRow(i);
      for (size_t j = 0; j < i; ++j) value -= row[j] * other[j];
      row[i] = value / other[i];
      pivot -= row[i] * row[i];
    }
    if (pivot < kLeastPivot) return false;
    row[n] = std::sqrt(pivot);
    entries_.push_back({latent, 0});
    products_.push_back(Dot(Direction(latent), target_, pursuit_.dim_));
    return true;
  }

  // Least squares over the directions taken; those of negative value are dropped, the most negative
  // first.
  void Solve() {
    while (true) {
      const size_t n = entries_.size();
      std::vector<double>& x = solution_;
      x.assign(products_.begin(), products_.end());
      for (size_t i = 0; i < n; ++i) {
        const double* row = FactorRow(i);
        for (size_t j = 0; j < i; ++j) x[i] -= row[j] * x[j];
        x[i] /= row[i];
      }
      for (size_t i = n; i-- > 0;) {
        x[i] /= FactorRow(i)[i];
        for (size_t j = 0; j < i; ++j) x[j] -= FactorRow(i)[j] * x[i];
      }
      const auto least = std::min_element(x.begin(), x.end());
      if (least == x.end() || *least > 0) break;
      Drop(static_cast<size_t>(least - x.begin()));
    }
    for (size_t i = 0; i < entries_.size(); ++i) {
      entries_[i].value = static_cast<float>(solution_[i]);
    }
  }

  void Drop(size_t place) {
    std::vector<LatentActivation> kept = std::move(entries_);
    kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(place));
    entries_.clear();
    products_.clear();
    for (const LatentActivation& entry : kept) Add(entry.latent);
  }

  const Pursuit& pursuit_;
  const float* target_;
  int k_;
  float least_;
  int steps_left_;
  bool done_ = false;
  std::vector<LatentActivation> entries_;  // values for directions of unit norm
  std::vector<double> factor_;             // lower triangle, row by row
  std::vector<double> products_;           // of each direction taken with the row
  std::vector<double> solution_;
};

Pursuit::Pursuit(const std::vector<float>& decoder, int latents, int dim)
    : dim_(dim), directions_(decoder), norms_(static_cast<size_t>(latents)) {
  for (size_t j = 0; j < norms_.size(); ++j) {
    norms_[j] = std::sqrt(math::SquaredNorm(decoder.data() + j * static_cast<size_t>(dim), dim));
  }
  math::NormaliseRows(directions_.data(), latents, dim);
}

std::vector<LatentActivation> Pursuit::Encode(const float* target,
                                              std::span<const LatentActivation> candidates,
                                              int k) const {
  Row row(*this, target, k);
  std::vector<float> residual(target, target + dim_);
  std::vector<float> products(candidates.size());
  while (!row.done()) {
    math::Dots(residual.data(), directions_.data(), candidates.data(),
               static_cast<int>(products.size()), dim_, products.data());
    const auto best = std::max_element(products.begin(), products.end());
    if (best == products.end()) break;
    row.Take(candidates[static_cast<size_t>(best - products.begin())].latent, *best,
             residual.data());
  }
  return row.Code();
}

}  // namespace recsae::sae
