// The item matrix that turns an activation into scores.
#ifndef RECSAE_COMMON_RANKING_PREDICTION_HEAD_H_
#define RECSAE_COMMON_RANKING_PREDICTION_HEAD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace recsae {

// score(u, i) = <activation(u), Vector(i)> + Bias(i). Items are numbered in catalogue order.
struct PredictionHead {
  int dim = 0;
  std::vector<float> vectors;  // [items, dim]
  std::vector<float> biases;   // [items], or empty for none
  // Items that are never recommended, ascending.
  std::vector<int32_t> withheld;

  int items() const { return dim == 0 ? 0 : static_cast<int>(vectors.size() / dim); }
  absl::Span<const float> Vector(int item) const {
    return absl::MakeConstSpan(vectors).subspan(static_cast<size_t>(item) * dim, dim);
  }
  float Bias(int item) const { return biases.empty() ? 0.0f : biases[item]; }
};

}  // namespace recsae

#endif  // RECSAE_COMMON_RANKING_PREDICTION_HEAD_H_
