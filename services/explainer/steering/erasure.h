// Taking away what a linear probe could read of something (LEACE: Belrose et al. 2023, "Perfect
// linear concept erasure in closed form"). Projecting a direction out leaves what goes along with
// it.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERING_ERASURE_H_
#define RECSAE_SERVICES_EXPLAINER_STEERING_ERASURE_H_

#include <cstdint>
#include <span>
#include <vector>

namespace recsae::explainer {

// Of one subject; both [labels, d], row by row. `readers` are the inverse of the activations'
// covariance times `covariances`: they predict the labels by least squares.
struct Erasure {
  int32_t subject = 0;  // in any numbering
  std::vector<float> covariances;
  std::vector<float> readers;
};

// Makes erasures from rows of users. Not thread-safe.
class ErasureFit {
 public:
  // `activations` [rows, d] must outlive it. Takes rows * d^2 operations.
  ErasureFit(std::span<const float> activations, int dim);

  // A label of a subject: 0 or 1 for each row. One that does not vary tells nothing and is left
  // out. The labels of a subject come one after the other.
  void Add(int32_t subject, std::span<const uint8_t> label);

  // One for each subject with a label that varies, in the order in which they were added.
  std::vector<Erasure> Solve() const;

 private:
  size_t Dim() const { return mean_.size(); }

  std::span<const float> activations_;
  std::vector<double> mean_;
  std::vector<double> covariance_;           // [d, d]
  std::vector<int32_t> subjects_;            // by label
  std::vector<std::vector<double>> labels_;  // covariance of the activation with each
};

// What the several erasures take away together. Immutable, thread-safe.
class Eraser {
 public:
  // Takes nothing away until something is added.
  explicit Eraser(int dim) : dim_(static_cast<size_t>(dim)) {}
  void Add(const Erasure& erasure);

  bool empty() const { return covariances_.empty(); }

  // C (K^T C)^+ K^T x: the part of `x`, an activation [d] less the mean, that a probe could read.
  // Taken from x, over users nothing that is left is correlated with the labels.
  std::vector<double> PartOf(std::span<const double> x) const;

 private:
  size_t dim_;
  std::vector<float> covariances_;  // [labels, d]
  std::vector<float> readers_;      // [labels, d]
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERING_ERASURE_H_
