#include "common/ranking/popularity_direction.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace recsae {
namespace {

constexpr size_t kMostItems = 20'000;
constexpr double kRidge = 1e-3;

// The items that tell: recommended ones, most popular first.
std::vector<int32_t> TellingItems(const PredictionHead& head, absl::Span<const int64_t> counts) {
  std::vector<int32_t> items;
  for (int32_t item = 0; item < head.items(); ++item) {
    if (std::binary_search(head.withheld.begin(), head.withheld.end(), item)) continue;
    items.push_back(item);
  }
  std::stable_sort(items.begin(), items.end(),
                   [&](int32_t a, int32_t b) { return counts[a] > counts[b]; });
  items.resize(std::min(items.size(), kMostItems));
  return items;
}

}  // namespace

std::vector<double> PopularityDirection(const PredictionHead& head,
                                        absl::Span<const int64_t> counts) {
  if (head.dim > kMaxPopularityDim || counts.size() != static_cast<size_t>(head.items())) return {};
  const std::vector<int32_t> items = TellingItems(head, counts);
  double sum = 0;
  for (const int32_t item : items) sum += static_cast<double>(counts[item]);
  if (sum == 0) return {};
  const double all = sum + static_cast<double>(items.size());

  // Rows of vectors and logs, each less its weighted mean and times the root of its weight.
  Eigen::MatrixXd vectors(static_cast<Eigen::Index>(items.size()), head.dim);
  Eigen::VectorXd logs(static_cast<Eigen::Index>(items.size()));
  Eigen::VectorXd weights(static_cast<Eigen::Index>(items.size()));
  for (size_t i = 0; i < items.size(); ++i) {
    const auto row = static_cast<Eigen::Index>(i);
    const absl::Span<const float> vector = head.Vector(items[i]);
    for (int j = 0; j < head.dim; ++j) vectors(row, j) = vector[j];
    const double count = static_cast<double>(counts[items[i]]) + 1;
    logs(row) = std::log(count);
    weights(row) = count / all;
  }
  vectors.rowwise() -= (weights.transpose() * vectors).eval();
  logs.array() -= weights.dot(logs);
  const Eigen::VectorXd roots = weights.cwiseSqrt();
  vectors = roots.asDiagonal() * vectors;
  logs = roots.cwiseProduct(logs);

  Eigen::MatrixXd covariance = vectors.transpose() * vectors;
  const double ridge = kRidge * covariance.trace() / head.dim;
  covariance.diagonal().array() += ridge;
  if (!(ridge > 0) || !std::isfinite(ridge)) return {};
  const Eigen::VectorXd solved = covariance.ldlt().solve(vectors.transpose() * logs);
  const double length = solved.norm();
  if (!(length > 0) || !std::isfinite(length)) return {};
  std::vector<double> direction(static_cast<size_t>(head.dim));
  for (int j = 0; j < head.dim; ++j) direction[j] = solved(j) / length;
  return direction;
}

}  // namespace recsae
