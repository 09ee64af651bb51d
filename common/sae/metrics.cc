// FVU, explained variance, cosine, L0 and dead share.
#include "common/sae/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/base/status.h"

namespace recsae::sae {
namespace {

double Cosine(const float* a, const float* b, int n) {
  double product = 0.0;
  double squared_a = 0.0;
  double squared_b = 0.0;
  for (int i = 0; i < n; ++i) {
    product += static_cast<double>(a[i]) * b[i];
    squared_a += static_cast<double>(a[i]) * a[i];
    squared_b += static_cast<double>(b[i]) * b[i];
  }
  if (squared_a == 0.0 || squared_b == 0.0) return squared_a == squared_b ? 1.0 : 0.0;
  return product / (std::sqrt(squared_a) * std::sqrt(squared_b));
}

}  // namespace

VarianceAccumulator::VarianceAccumulator(int dim)
    : shift_(static_cast<size_t>(dim)), sum_(static_cast<size_t>(dim)) {}

void VarianceAccumulator::Add(const float* row, double weight) {
  if (empty_) std::copy_n(row, shift_.size(), shift_.begin());
  empty_ = false;
  rows_ += weight;
  double squared = 0.0;
  for (size_t i = 0; i < shift_.size(); ++i) {
    const double value = row[i] - shift_[i];
    sum_[i] += weight * value;
    squared += value * value;
  }
  squared_ += weight * squared;
}

std::vector<double> VarianceAccumulator::Mean() const {
  std::vector<double> mean(shift_);
  for (size_t i = 0; rows_ > 0.0 && i < mean.size(); ++i) mean[i] += sum_[i] / rows_;
  return mean;
}

double VarianceAccumulator::Variance() const {
  if (rows_ <= 0.0) return 0.0;
  double variance = squared_ / rows_;
  for (double sum : sum_) variance -= (sum / rows_) * (sum / rows_);
  return std::max(variance, 0.0);
}

MetricsAccumulator::MetricsAccumulator(int dim, int latents)
    : dim_(dim),
      data_(dim),
      residual_(dim),
      fired_(static_cast<size_t>(latents)),
      difference_(static_cast<size_t>(dim)) {}

void MetricsAccumulator::AddRow(const float* x, const float* reconstruction,
                                std::span<const LatentActivation> code, double weight) {
  data_.Add(x, weight);
  double squared = 0.0;
  for (int i = 0; i < dim_; ++i) {
    difference_[i] = x[i] - reconstruction[i];
    squared += static_cast<double>(difference_[i]) * difference_[i];
  }
  residual_.Add(difference_.data(), weight);
  squared_error_ += weight * squared;
  cosine_ += weight * Cosine(x, reconstruction, dim_);
  active_ += weight * static_cast<double>(code.size());
  for (const LatentActivation& entry : code) fired_[static_cast<size_t>(entry.latent)] = 1;
}

void MetricsAccumulator::Add(const SaeModel& model, const float* rows, int64_t n) {
  Add(model, rows, n, [] { return absl::OkStatus(); }).IgnoreError();  // always alive
}

absl::Status MetricsAccumulator::Add(const SaeModel& model, const float* rows, int64_t n,
                                     Alive alive, const float* weights) {
  constexpr int64_t kRowsBetweenChecks = 64;
  RECSAE_ASSIGN_OR_RETURN(const SparseCodes codes, model.EncodeBatch(rows, n, alive));
  std::vector<float> reconstruction(static_cast<size_t>(dim_));
  for (int64_t r = 0; r < n; ++r) {
    if (r % kRowsBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(alive());
    model.Decode(codes.Row(r), reconstruction.data());
    AddRow(rows + r * dim_, reconstruction.data(), codes.Row(r),
           weights != nullptr ? double{weights[r]} : 1.0);
  }
  return absl::OkStatus();
}

ReconstructionMetrics MetricsAccumulator::Result() const {
  ReconstructionMetrics metrics;
  const double n = data_.rows();
  metrics.rows = std::llround(n);
  if (n <= 0.0) return metrics;
  const double variance = data_.Variance();
  const auto share = [variance](double part) {
    if (variance > 0.0) return part / variance;
    return part > 0.0 ? std::numeric_limits<double>::infinity() : 0.0;
  };
  metrics.fvu = share(squared_error_ / n);
  metrics.explained_variance = 1.0 - share(residual_.Variance());
  metrics.cosine = cosine_ / n;
  metrics.l0 = active_ / n;
  const auto dead = std::count(fired_.begin(), fired_.end(), char{0});
  metrics.dead_fraction = static_cast<double>(dead) / static_cast<double>(fired_.size());
  return metrics;
}

}  // namespace recsae::sae
