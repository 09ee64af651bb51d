// The statistics that say what a confidence is worth.
#ifndef SERVICES_EXPLAINER_VERIFICATION_STATISTICS_H_
#define SERVICES_EXPLAINER_VERIFICATION_STATISTICS_H_

#include <cstdint>
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

// A permutation test whose control is pooled over latents: all that others reach on any latent's
// cases, each in standard deviations above the rest of those. Latents differ in how many cases they
// have and in how easy these are, and one with hard cases must not pay for those of another.
//
// Others judge the same cases, so what they reach takes few values: kept is how many reach each,
// some hundred numbers for a latent, however many others there are.
class PooledControl {
 public:
  // Of one latent: how many of its `cases` cases each of the others, at least two, judged rightly.
  // `standardizer` is made of the shares of these.
  void Add(const Standardizer& standardizer, int cases, std::span<const int> others);

  // For each worth, in the order given, the share of the control that is worth as much, 1 added to
  // part and whole.
  std::vector<double> PValues(std::span<const double> worths) const;

 private:
  struct Others {
    Standardizer standardizer;
    int cases;
    int least;                    // cases that the worst of them judged rightly
    std::vector<uint32_t> count;  // of those that judged least + i cases rightly
  };

  std::vector<Others> latents_;
  int64_t size_ = 0;
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_STATISTICS_H_
