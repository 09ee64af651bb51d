// Inner loops over float arrays, each compiled for several instruction sets (simd.h).
#ifndef RECSAE_COMMON_SAE_KERNELS_H_
#define RECSAE_COMMON_SAE_KERNELS_H_

namespace recsae::sae {

// y += a · x, n values.
void AddScaled(float a, const float* x, int n, float* y);

// out = x · columns + offset: x [d], columns [d, n], offset [n], out [n].
void MultiplyRow(const float* x, const float* columns, const float* offset, int d, int n,
                 float* out);

// Sum of parts[0..count) element by element into the first, n values each.
void SumInto(float* const* parts, int count, int n);

// Removes from g its component along the unit vector w (n values): g −= ⟨g, w⟩ w.
void RemoveParallel(const float* w, int n, float* g);

// Sum of squares of n values.
float SquaredNorm(const float* x, int n);

// x ← x / ‖x‖, n values; a zero vector stays.
void NormaliseRow(float* x, int n);

// One step of Adam (Kingma & Ba, 2015, algorithm 1) on n parameters.
struct AdamStep {
  float learning_rate;
  float beta1, beta2, epsilon;
  float correction1, correction2;  // 1 / (1 − betaᵗ)
  float gradient_scale;            // multiplies each gradient first (clipping)
};
void ApplyAdam(const AdamStep& step, const float* gradient, int n, float* parameter, float* m,
               float* v);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_KERNELS_H_
