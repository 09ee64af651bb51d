#include "clients/cli/reproduce/scale.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace recsae::cli {
namespace {

// Rounding errors of a division must not cost a tick.
constexpr double kSlack = 1e-9;

double RoundStep(double rough) {
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (rough <= step * power * (1 + kSlack)) return step * power;
  }
  return 10 * power;
}

}  // namespace

std::vector<double> RoundTicks(double low, double high, int count) {
  if (high <= low) {
    const double room = low == 0 ? 1 : std::abs(low) / 2;
    low -= low == 0 ? 0 : room;
    high += room;
  }
  const double step = RoundStep((high - low) / std::max(1, count - 1));
  const double first = std::floor(low / step + kSlack);
  const auto intervals = static_cast<int>(std::ceil(high / step - kSlack) - first);
  std::vector<double> ticks;
  for (int i = 0; i <= intervals; ++i) ticks.push_back((first + i) * step);
  return ticks;
}

int TickDecimals(const std::vector<double>& ticks) {
  if (ticks.size() < 2) return 0;
  const double step = ticks[1] - ticks[0];
  return std::max(0, static_cast<int>(-std::floor(std::log10(step) + kSlack)));
}

std::vector<double> SpreadApart(const std::vector<double>& positions, double distance, double low,
                                double high) {
  std::vector<size_t> order(positions.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return positions[a] < positions[b]; });
  std::vector<double> spread = positions;
  double next = low;
  for (const size_t i : order) {
    spread[i] = std::max(spread[i], next);
    next = spread[i] + distance;
  }
  // What was pushed over the end pushes back.
  double last = high;
  for (auto i = order.rbegin(); i != order.rend(); ++i) {
    spread[*i] = std::min(spread[*i], last);
    last = spread[*i] - distance;
  }
  return spread;
}

}  // namespace recsae::cli
