// Sums of directions in double, so that parts of an activation add up however much they cancel.
#ifndef RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_DIRECTIONS_H_
#define RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_DIRECTIONS_H_

#include <cstddef>
#include <vector>

namespace recsae::explainer {

using Direction = std::vector<double>;

template <typename A, typename B>
double Dot(const A& a, const B& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

template <typename V>
void AddTimes(double factor, const V& direction, Direction& to) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += factor * static_cast<double>(direction[i]);
}

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_DIRECTIONS_H_
