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

// Sets confidences against those that others reach on the same cases.
class Standardizer {
 public:
  // Confidences of others, at least two, on `cases` cases.
  Standardizer(std::span<const double> others, int cases);

  double mean() const;
  // How many standard deviations a confidence is above the mean of all others,
  double operator()(double confidence) const;
  // and one of the others above the mean of the rest: the two are alike in law where nothing but
  // chance is at work, however few the others are.
  double AgainstTheRest(double other) const;

 private:
  double Above(double confidence, double count, double sum, double squares) const;

  double count_;
  double sum_ = 0;
  double squares_ = 0;
  // Half a case: where the rest all agree, one case more is not a great deal.
  double least_deviation_;
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_STATISTICS_H_
