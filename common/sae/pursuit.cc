// Pursuit: the products with the whole dictionary are formed for several rows at once, everything
// else row by row on the few directions taken.
#include "common/sae/pursuit.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "common/sae/kernels.h"
#include "common/sae/top_k.h"

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
        least_(kLeastShare * std::sqrt(SquaredNorm(target, pursuit.dim_))),
        steps_left_(2 * k) {}

  bool done() const { return done_; }

  // Takes the direction of the largest product with the residual, [F], and forms the new residual.
  void Take(const float* products, float* residual) {
    const auto latents = static_cast<int>(pursuit_.norms_.size());
    const auto best =
        static_cast<int32_t>(std::max_element(products, products + latents) - products);
    // What was dropped for a negative value could come back for ever.
    done_ = !(products[best] > least_) || steps_left_-- == 0 || !Add(best);
    if (done_) return;
    Solve();
    done_ = static_cast<int>(entries_.size()) == k_;
    if (!done_)
      Residual(target_, pursuit_.directions_.data(), entries_.data(), size(), pursuit_.dim_,
               residual);
  }

  // The code, in units of the decoder's rows.
  std::span<const LatentActivation> Code() {
    for (LatentActivation& entry : entries_) {
      entry.value /= pursuit_.norms_[static_cast<size_t>(entry.latent)];
    }
    SortByValue(entries_.data(), size());
    return entries_;
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
    norms_[j] = std::sqrt(SquaredNorm(decoder.data() + j * static_cast<size_t>(dim), dim));
  }
  NormaliseRows(directions_.data(), latents, dim);
  packed_.Resize(latents, dim);
  packed_.Pack(directions_.data(), nullptr, 0, packed_.panels());
}

void Pursuit::Encode(const float* rows, int64_t n, int k, SparseCodes& codes) const {
  const int64_t stride = int64_t{packed_.panels()} * packed_.width();
  const std::unique_ptr<float[]> products(
      new float[static_cast<size_t>(PackedEncoder::kMaxRows * stride)]);
  std::vector<float> residuals;
  for (int64_t begin = 0; begin < n; begin += PackedEncoder::kMaxRows) {
    const int count = static_cast<int>(std::min<int64_t>(PackedEncoder::kMaxRows, n - begin));
    const float* some = rows + begin * dim_;
    residuals.assign(some, some + int64_t{count} * dim_);
    std::vector<Row> pursuits;
    for (int i = 0; i < count; ++i) pursuits.emplace_back(*this, some + int64_t{i} * dim_, k);
    const auto done = [](const Row& row) { return row.done(); };
    while (!std::all_of(pursuits.begin(), pursuits.end(), done)) {
      packed_.Multiply(residuals.data(), count, 0, packed_.panels(), products.get(), nullptr);
      for (int i = 0; i < count; ++i) {
        Row& row = pursuits[static_cast<size_t>(i)];
        if (!row.done()) row.Take(products.get() + i * stride, residuals.data() + i * dim_);
      }
    }
    for (Row& row : pursuits) codes.Append(row.Code());
  }
}

}  // namespace recsae::sae
