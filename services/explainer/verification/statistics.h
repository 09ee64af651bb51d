// The statistics that say what a confidence is worth.
#ifndef SERVICES_EXPLAINER_VERIFICATION_STATISTICS_H_
#define SERVICES_EXPLAINER_VERIFICATION_STATISTICS_H_

#include <span>
#include <utility>
#include <vector>

namespace recsae::explainer {

// The 95 % Wilson score interval of a share: successes of trials. (0, 1) without trials.
std::pair<double, double> WilsonInterval(int successes, int trials);

// Benjamini-Hochberg: the q-value of each p-value, in the order given; reject q <= the
// false-discovery rate wanted. (Benjamini, Hochberg 1995.)
std::vector<double> BenjaminiHochberg(std::span<const double> p_values);

// Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.
// 0.5 when either group is empty.
double RocAuc(std::span<const double> positives, std::span<const double> negatives);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_STATISTICS_H_
