// Inner loops of TiMiRec.
#include "services/torch-host/models/timirec_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "services/probe/recommenders/train/multiversion.h"
#include "services/probe/recommenders/train/vector_math.h"

namespace recsae::probe {

RECSAE_MULTIVERSION
void PoolPrefixesForward(const float* h, const float* scores, int first, int length, int dim,
                         int heads, float* gates, float* out) {
  std::fill_n(gates, static_cast<int64_t>(first) * heads, 0.0f);
  std::fill_n(out, static_cast<int64_t>(first) * heads * dim, 0.0f);
  // log of the softmax's denominator so far
  std::vector<float> total(heads, -std::numeric_limits<float>::infinity());
  for (int p = first; p < length; ++p) {
    const float* vector = h + p * dim;
    for (int k = 0; k < heads; ++k) {
      const float score = scores[p * heads + k];
      const float gate = 1 / (1 + std::exp(total[k] - score));
      const float high = std::max(total[k], score), low = std::min(total[k], score);
      total[k] = high + std::log1p(std::exp(low - high));
      gates[p * heads + k] = gate;
      float* o = out + (p * heads + k) * dim;
      const float* before = p == first ? vector : o - heads * dim;
      for (int j = 0; j < dim; ++j) o[j] = before[j] + gate * (vector[j] - before[j]);
    }
  }
}

RECSAE_MULTIVERSION
void PoolPrefixesBackward(const float* h, const float* gates, const float* out,
                          const float* grad_out, int first, int length, int dim, int heads,
                          float* grad_h, float* grad_scores) {
  std::fill_n(grad_h, static_cast<int64_t>(length) * dim, 0.0f);
  std::fill_n(grad_scores, static_cast<int64_t>(first) * heads, 0.0f);
  // Over the prefixes that hold position t, relative to the prefix that ends there: the sum of
  // gradients, and that of their products with the results.
  std::vector<float> sums(static_cast<size_t>(heads) * dim, 0.0f), products(heads, 0.0f);
  for (int t = length - 1; t >= first; --t) {
    for (int k = 0; k < heads; ++k) {
      const int row = t * heads + k;
      const float keep = t + 1 < length ? 1 - gates[row + heads] : 0;
      const float gate = gates[row];
      const float* g = grad_out + row * dim;
      const float* o = out + row * dim;
      float* sum = sums.data() + k * dim;
      for (int j = 0; j < dim; ++j) sum[j] = g[j] + keep * sum[j];
      AddScaled(gate, sum, dim, grad_h + t * dim);
      products[k] = Dot(g, o, dim) + keep * products[k];
      grad_scores[row] = gate * (Dot(h + t * dim, sum, dim) - products[k]);
    }
  }
}

RECSAE_MULTIVERSION
void GruStepForward(const float* x, const float* u, const float* previous, int dim, float* gates,
                    float* next) {
  for (int j = 0; j < dim; ++j) {
    const float r = Sigmoid(x[j] + u[j]);
    const float z = Sigmoid(x[dim + j] + u[dim + j]);
    const float n = Tanh(x[2 * dim + j] + r * u[2 * dim + j]);
    gates[j] = r;
    gates[dim + j] = z;
    gates[2 * dim + j] = n;
    next[j] = (1 - z) * n + z * previous[j];
  }
}

RECSAE_MULTIVERSION
void GruStepBackward(const float* gates, const float* u, const float* previous,
                     const float* grad_next, int dim, float* grad_x, float* grad_u,
                     float* grad_previous) {
  for (int j = 0; j < dim; ++j) {
    const float r = gates[j], z = gates[dim + j], n = gates[2 * dim + j], g = grad_next[j];
    const float grad_n = g * (1 - z) * (1 - n * n);
    const float grad_r = grad_n * u[2 * dim + j] * r * (1 - r);
    const float grad_z = g * (previous[j] - n) * z * (1 - z);
    grad_x[j] = grad_u[j] = grad_r;
    grad_x[dim + j] = grad_u[dim + j] = grad_z;
    grad_x[2 * dim + j] = grad_n;
    grad_u[2 * dim + j] = grad_n * r;
    grad_previous[j] = g * z;
  }
}

}  // namespace recsae::probe
