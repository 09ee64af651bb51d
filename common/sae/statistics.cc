// Sample statistics and the geometric median.
#include "common/sae/statistics.h"

#include <algorithm>
#include <cmath>

#include "common/sae/metrics.h"

namespace recsae::sae {
namespace {

double WeightOf(const float* weights, int64_t row) {
  return weights != nullptr ? double{weights[row]} : 1.0;
}

}  // namespace

SampleStatistics ComputeStatistics(const float* rows, int64_t n, int dim, const float* weights) {
  VarianceAccumulator accumulator(dim);
  double squared = 0.0;
  for (int64_t r = 0; r < n; ++r) {
    const float* row = rows + r * dim;
    const double weight = WeightOf(weights, r);
    accumulator.Add(row, weight);
    for (int i = 0; i < dim; ++i) squared += weight * (static_cast<double>(row[i]) * row[i]);
  }
  return {accumulator.Variance(), n > 0 ? squared / accumulator.rows() : 0.0};
}

std::vector<float> GeometricMedian(const float* rows, int64_t n, int dim, const float* weights) {
  constexpr int kMaxIterations = 100;
  constexpr double kTolerance = 1e-5;  // of the mean distance
  const auto d = static_cast<size_t>(dim);
  VarianceAccumulator accumulator(dim);
  for (int64_t r = 0; r < n; ++r) accumulator.Add(rows + r * dim, WeightOf(weights, r));
  std::vector<double> centre = accumulator.Mean();
  const double spread = std::sqrt(accumulator.Variance());
  std::vector<double> next(d);
  for (int iteration = 0; iteration < kMaxIterations && spread > 0.0; ++iteration) {
    std::fill(next.begin(), next.end(), 0.0);
    double total = 0.0;
    for (int64_t r = 0; r < n; ++r) {
      const float* row = rows + r * dim;
      double squared = 0.0;
      for (size_t i = 0; i < d; ++i) squared += (row[i] - centre[i]) * (row[i] - centre[i]);
      // A row that sits on the centre would weigh infinitely much.
      const double weight = WeightOf(weights, r) / std::max(std::sqrt(squared), 1e-6 * spread);
      total += weight;
      for (size_t i = 0; i < d; ++i) next[i] += weight * row[i];
    }
    double moved = 0.0;
    for (size_t i = 0; i < d; ++i) {
      next[i] /= total;
      moved += (next[i] - centre[i]) * (next[i] - centre[i]);
    }
    centre.swap(next);
    if (std::sqrt(moved) < kTolerance * spread) break;
  }
  return {centre.begin(), centre.end()};
}

}  // namespace recsae::sae
