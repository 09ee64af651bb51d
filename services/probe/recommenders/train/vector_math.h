// The arithmetic that kernels share, in forms that compilers turn into vector instructions.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_VECTOR_MATH_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_VECTOR_MATH_H_

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "services/probe/recommenders/train/multiversion.h"

namespace recsae::probe {

// e^x for x <= 0 to about 2 units in the last place: 2^n · 2^f with f in [-1/2, 1/2] by a
// polynomial (Cephes expf). Below -87 the result is 0: what is smaller becomes a subnormal number
// once it is scaled, and those cost a hundred times as much to multiply.
RECSAE_ALWAYS_INLINE float Exp(float exponent) {
  const float x = std::max(exponent, -87.0f);
  const float n = __builtin_rintf(x * 1.44269504088896341f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const float result = p * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
  return exponent < -87.0f ? 0.0f : result;
}

// 1 / (1 + e^-x)
RECSAE_ALWAYS_INLINE float Sigmoid(float x) {
  const float e = Exp(-std::abs(x));
  const float upper = 1 / (1 + e);  // of |x|
  return x >= 0 ? upper : e * upper;
}

RECSAE_ALWAYS_INLINE float Tanh(float x) { return 2 * Sigmoid(2 * x) - 1; }

// Independent partial sums of a reduction: what vector registers need, and a fixed order of the
// additions.
inline constexpr int kLanes = 16;

RECSAE_ALWAYS_INLINE float Dot(const float* a, const float* b, int n) {
  float lanes[kLanes] = {};
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) lanes[l] += a[i + l] * b[i + l];
  }
  float sum = 0;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (const float lane : lanes) sum += lane;
  return sum;
}

RECSAE_ALWAYS_INLINE void AddScaled(float a, const float* x, int n, float* y) {
  for (int i = 0; i < n; ++i) y[i] += a * x[i];
}

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_VECTOR_MATH_H_
