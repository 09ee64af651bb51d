// The statistics that say what a test is worth.
#ifndef SERVICES_EXPLAINER_VERIFICATION_STATISTICS_H_
#define SERVICES_EXPLAINER_VERIFICATION_STATISTICS_H_

#include <span>
#include <utility>
#include <vector>

namespace recsae::explainer {

// 97.5 % quantile of the normal distribution: a 95 % interval reaches so many standard errors to
// either side.
inline constexpr double kZ95 = 1.959963984540054;

// The 95 % Wilson score interval of a share: successes of trials. (0, 1) without trials.
std::pair<double, double> WilsonInterval(int successes, int trials);

// Benjamini-Hochberg: the q-value of each p-value, in the order given; reject q <= the
// false-discovery rate wanted. (Benjamini, Hochberg 1995.)
std::vector<double> BenjaminiHochberg(std::span<const double> p_values);

// For each value the share of `null` that is as large, 1 added to part and whole; in the order
// given.
std::vector<double> PValues(std::span<const double> values, std::vector<double> null);

// The standard error of an estimate, from those that leave out one of n blocks each (Tukey 1958):
// sqrt((n - 1) / n * sum of squares about their mean). 0 for fewer than 2.
double JackknifeError(std::span<const double> without);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_STATISTICS_H_
