#include "services/explainer/verification/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace recsae::explainer {

std::pair<double, double> WilsonInterval(int successes, int trials) {
  if (trials <= 0) return {0, 1};
  const double n = trials;
  const double share = successes / n;
  const double middle = share + kZ95 * kZ95 / (2 * n);
  const double reach = kZ95 * std::sqrt(share * (1 - share) / n + kZ95 * kZ95 / (4 * n * n));
  const double scale = 1 + kZ95 * kZ95 / n;
  return {std::max(0.0, (middle - reach) / scale), std::min(1.0, (middle + reach) / scale)};
}

std::vector<double> BenjaminiHochberg(std::span<const double> p_values) {
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return p_values[a] > p_values[b]; });
  std::vector<double> q_values(p_values.size());
  double smallest = 1;
  for (size_t i = 0; i < order.size(); ++i) {
    const double rank = static_cast<double>(order.size() - i);
    smallest = std::min(smallest, p_values[order[i]] * static_cast<double>(order.size()) / rank);
    q_values[order[i]] = smallest;
  }
  return q_values;
}

std::vector<double> PValues(std::span<const double> values, std::vector<double> null) {
  std::sort(null.begin(), null.end());
  std::vector<double> p_values;
  p_values.reserve(values.size());
  for (const double value : values) {
    const auto as_large = null.end() - std::lower_bound(null.begin(), null.end(), value);
    p_values.push_back((1 + static_cast<double>(as_large)) /
                       (1 + static_cast<double>(null.size())));
  }
  return p_values;
}

double JackknifeError(std::span<const double> without) {
  const auto n = static_cast<double>(without.size());
  if (without.size() < 2) return 0;
  const double mean = std::accumulate(without.begin(), without.end(), 0.0) / n;
  double squares = 0;
  for (const double value : without) squares += (value - mean) * (value - mean);
  return std::sqrt((n - 1) / n * squares);
}

}  // namespace recsae::explainer
