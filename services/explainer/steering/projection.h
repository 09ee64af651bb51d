// The part of a vector that lies in the span of some directions.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERING_PROJECTION_H_
#define RECSAE_SERVICES_EXPLAINER_STEERING_PROJECTION_H_

#include <span>
#include <vector>

namespace recsae::explainer {

// A span of directions of one length, kept as an orthonormal basis. Not thread-safe.
class Subspace {
 public:
  // Adds a direction; one that is 0, or in the span but for rounding, adds nothing.
  void Add(std::span<const float> direction);

  // The orthogonal projection of `x` onto the span; zeros where nothing was added.
  std::vector<double> PartOf(std::span<const double> x) const;

 private:
  std::vector<std::vector<double>> basis_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERING_PROJECTION_H_
