// Plain loops that the compiler vectorises for each instruction set.
#include "common/sae/kernels.h"

#include <algorithm>
#include <cmath>

#include "common/sae/simd.h"

namespace recsae::sae {
namespace {

RECSAE_ALWAYS_INLINE float Dot(const float* a, const float* b, int n) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

RECSAE_MULTIVERSION
void AddScaled(float a, const float* x, int n, float* y) {
#pragma omp simd
  for (int i = 0; i < n; ++i) y[i] += a * x[i];
}

RECSAE_MULTIVERSION
void MultiplyRow(const float* x, const float* columns, const float* offset, int d, int n,
                 float* out) {
  constexpr int kBlock = 64;  // sums of one block stay in registers
  int begin = 0;
  for (; begin + kBlock <= n; begin += kBlock) {
    float sum[kBlock];
    for (int j = 0; j < kBlock; ++j) sum[j] = offset[begin + j];
    for (int i = 0; i < d; ++i) {
      const float* row = columns + static_cast<long>(i) * n + begin;
      for (int j = 0; j < kBlock; ++j) sum[j] += x[i] * row[j];
    }
    for (int j = 0; j < kBlock; ++j) out[begin + j] = sum[j];
  }
  for (int j = begin; j < n; ++j) {
    float sum = offset[j];
    for (int i = 0; i < d; ++i) sum += x[i] * columns[static_cast<long>(i) * n + j];
    out[j] = sum;
  }
}

RECSAE_MULTIVERSION
void SumInto(float* const* parts, int count, int n) {
  float* total = parts[0];
  for (int p = 1; p < count; ++p) {
    const float* part = parts[p];
#pragma omp simd
    for (int i = 0; i < n; ++i) total[i] += part[i];
  }
}

RECSAE_MULTIVERSION
void RemoveParallel(const float* w, int n, float* g) {
  const float along = Dot(g, w, n);
#pragma omp simd
  for (int i = 0; i < n; ++i) g[i] -= along * w[i];
}

RECSAE_MULTIVERSION
float SquaredNorm(const float* x, int n) { return Dot(x, x, n); }

RECSAE_MULTIVERSION
void NormaliseRow(float* x, int n) {
  const float squared = Dot(x, x, n);
  if (squared <= 0.0f) return;
  const float inverse = 1.0f / std::sqrt(squared);
  for (int i = 0; i < n; ++i) x[i] *= inverse;
}

RECSAE_MULTIVERSION
void ApplyAdam(const AdamStep& step, const float* gradient, int n, float* parameter, float* m,
               float* v) {
  const float rate = step.learning_rate * step.correction1;
  const float beta1 = step.beta1;
  const float beta2 = step.beta2;
  const float correction2 = step.correction2;
  const float epsilon = step.epsilon;
  const float scale = step.gradient_scale;
#pragma omp simd
  for (int i = 0; i < n; ++i) {
    const float g = gradient[i] * scale;
    m[i] = beta1 * m[i] + (1.0f - beta1) * g;
    v[i] = beta2 * v[i] + (1.0f - beta2) * g * g;
    parameter[i] -= rate * m[i] / (std::sqrt(v[i] * correction2) + epsilon);
  }
}

}  // namespace recsae::sae
