// Means over the rows of users, with intervals that know that the rows of one user go together.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERED_ESTIMATES_H_
#define RECSAE_SERVICES_EXPLAINER_STEERED_ESTIMATES_H_

#include <cstdint>
#include <span>
#include <vector>

namespace recsae::explainer {

// A value with its 95 % interval by the jackknife over users.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;

  bool Contains(double other) const { return low <= other && other <= high; }
};

// Of `value`, where it is `without[i]` when the i-th user, or block of users, is left out.
Estimate JackknifeEstimate(double value, std::span<const double> without);

// The mean of `values` [rows]; `users` [rows]. Thread-safe, as are the others.
Estimate MeanOverUsers(std::span<const double> values, std::span<const int32_t> users);

// Sum of `numerators` over that of `denominators`, each [rows]; 0 where the latter is 0.
Estimate RatioOverUsers(std::span<const double> numerators, std::span<const double> denominators,
                        std::span<const int32_t> users);

// a - b, element by element.
std::vector<double> Differences(std::span<const double> a, std::span<const double> b);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERED_ESTIMATES_H_
