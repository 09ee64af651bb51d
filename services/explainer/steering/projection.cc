// Gram-Schmidt in double precision.
#include "services/explainer/steering/projection.h"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

namespace recsae::explainer {
namespace {

// What is left of a direction, of its length, where it is new. Rows are floats: a direction that is
// nearer to the span than their rounding would add noise.
constexpr double kLeastNew = 1e-6;

double Dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

void Subspace::Add(std::span<const float> direction) {
  std::vector<double> rest(direction.begin(), direction.end());
  const double length = std::sqrt(Dot(rest, rest));
  // Twice is enough (Kahan and Parlett): the second round takes what rounding left in the first.
  for (int round = 0; round < 2; ++round) {
    const std::vector<double> part = PartOf(rest);
    for (size_t i = 0; i < rest.size(); ++i) rest[i] -= part[i];
  }
  const double left = std::sqrt(Dot(rest, rest));
  if (!(left > kLeastNew * length)) return;
  for (double& value : rest) value /= left;
  basis_.push_back(std::move(rest));
}

std::vector<double> Subspace::PartOf(std::span<const double> x) const {
  std::vector<double> part(x.size());
  for (const std::vector<double>& axis : basis_) {
    const double along = Dot(axis, x);
    for (size_t i = 0; i < part.size(); ++i) part[i] += along * axis[i];
  }
  return part;
}

}  // namespace recsae::explainer
