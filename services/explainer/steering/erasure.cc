#include "services/explainer/steering/erasure.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "common/math/linear.h"

namespace recsae::explainer {
namespace {

// Of the mean variance, added to each: dimensions that do not vary have an inverse then.
constexpr double kRidge = 1e-6;
// Of the largest eigenvalue: what is less is rounding, or a label that says the same as others.
constexpr double kLeastEigenvalue = 1e-6;

double Dot(std::span<const float> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < b.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// [d, d], with a ridge.
std::vector<double> Covariance(std::span<const float> rows, const std::vector<double>& mean) {
  const size_t dim = mean.size();
  if (dim == 0) return {};
  std::vector<double> covariance = math::Scatter(rows, mean);
  const auto count = static_cast<double>(std::max<size_t>(rows.size() / dim, 1));
  double trace = 0;
  for (double& value : covariance) value /= count;
  for (size_t i = 0; i < dim; ++i) trace += covariance[i * dim + i];
  for (size_t i = 0; i < dim; ++i) {
    covariance[i * dim + i] += kRidge * trace / static_cast<double>(dim);
  }
  return covariance;
}

// A^+ b of a symmetric, positive A [n, n].
std::vector<double> PseudoSolve(const std::vector<double>& a, std::span<const double> b) {
  const size_t n = b.size();
  const std::vector<double> vectors = math::Eigenvectors(a, static_cast<int>(n));
  std::vector<double> x(n);
  double largest = 0;
  for (size_t v = 0; v < n; ++v) {
    const std::span<const double> vector(&vectors[v * n], n);
    double value = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) value += vector[i] * a[i * n + j] * vector[j];
    }
    largest = std::max(largest, value);
    if (!(value > kLeastEigenvalue * largest)) break;
    const double along = std::inner_product(vector.begin(), vector.end(), b.begin(), 0.0) / value;
    for (size_t i = 0; i < n; ++i) x[i] += along * vector[i];
  }
  return x;
}

}  // namespace

ErasureFit::ErasureFit(std::span<const float> activations, int dim)
    : activations_(activations),
      mean_(math::ColumnMeans(activations, dim)),
      covariance_(Covariance(activations, mean_)) {}

void ErasureFit::Add(int32_t subject, std::span<const uint8_t> label) {
  const auto ones = std::count(label.begin(), label.end(), uint8_t{1});
  if (ones == 0 || static_cast<size_t>(ones) == label.size()) return;
  std::vector<double> sum(Dim());
  for (size_t row = 0; row < label.size(); ++row) {
    if (label[row] == 0) continue;
    for (size_t i = 0; i < Dim(); ++i) sum[i] += activations_[row * Dim() + i] - mean_[i];
  }
  for (double& value : sum) value /= static_cast<double>(label.size());
  subjects_.push_back(subject);
  labels_.push_back(std::move(sum));
}

std::vector<Erasure> ErasureFit::Solve() const {
  const size_t columns = labels_.size();
  std::vector<double> right(Dim() * columns);
  for (size_t i = 0; i < Dim(); ++i) {
    for (size_t c = 0; c < columns; ++c) right[i * columns + c] = labels_[c][i];
  }
  const std::vector<double> readers =
      math::SolveSymmetric(covariance_, right, static_cast<int>(Dim()), static_cast<int>(columns));
  std::vector<Erasure> erasures;
  for (size_t c = 0; c < columns; ++c) {
    if (c == 0 || subjects_[c] != subjects_[c - 1]) erasures.push_back({subjects_[c], {}, {}});
    Erasure& erasure = erasures.back();
    for (size_t i = 0; i < Dim(); ++i) {
      erasure.covariances.push_back(static_cast<float>(labels_[c][i]));
      erasure.readers.push_back(static_cast<float>(readers[i * columns + c]));
    }
  }
  return erasures;
}

void Eraser::Add(const Erasure& erasure) {
  covariances_.insert(covariances_.end(), erasure.covariances.begin(), erasure.covariances.end());
  readers_.insert(readers_.end(), erasure.readers.begin(), erasure.readers.end());
}

std::vector<double> Eraser::PartOf(std::span<const double> x) const {
  std::vector<double> part(dim_);
  const size_t labels = covariances_.size() / dim_;
  if (labels == 0) return part;
  const auto row = [this](const std::vector<float>& of, size_t label) {
    return std::span<const float>(of).subspan(label * dim_, dim_);
  };
  std::vector<double> read(labels);
  std::vector<double> together(labels * labels);
  for (size_t a = 0; a < labels; ++a) {
    read[a] = Dot(row(readers_, a), x);
    const std::span<const float> covariance = row(covariances_, a);
    const std::vector<double> wide(covariance.begin(), covariance.end());
    // K^T C is symmetric but for rounding.
    for (size_t b = 0; b < labels; ++b) {
      const double value = Dot(row(readers_, b), wide) / 2;
      together[a * labels + b] += value;
      together[b * labels + a] += value;
    }
  }
  const std::vector<double> amounts = PseudoSolve(together, read);
  for (size_t a = 0; a < labels; ++a) {
    const std::span<const float> covariance = row(covariances_, a);
    for (size_t i = 0; i < dim_; ++i) part[i] += amounts[a] * covariance[i];
  }
  return part;
}

}  // namespace recsae::explainer
