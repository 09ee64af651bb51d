// Scales of charts: from data to coordinates, with round ticks.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_SCALE_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_SCALE_H_

#include <vector>

namespace recsae::cli {

// Maps [low, high] onto [from, to] (which may fall, as SVG's y does).
struct Scale {
  double low = 0;
  double high = 1;
  double from = 0;
  double to = 1;

  double operator()(double value) const {
    return high > low ? from + (value - low) / (high - low) * (to - from) : from;
  }
};

// Ticks at multiples of 1, 2 or 5 times a power of ten, about `count` of them, the first at or
// below `low` and the last at or above `high`. Two ticks around a single value.
std::vector<double> RoundTicks(double low, double high, int count);

// Decimals that tell ticks of this distance apart.
int TickDecimals(const std::vector<double>& ticks);

// Moves positions (any order) apart so that neighbours keep `distance`, as little as can be seen,
// within [low, high] as far as they fit.
std::vector<double> SpreadApart(const std::vector<double>& positions, double distance, double low,
                                double high);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_SCALE_H_
