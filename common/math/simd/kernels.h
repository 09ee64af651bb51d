// Inner loops over float arrays, each compiled for several instruction sets and chosen at run time.
// None needs alignment. Thread-safe for distinct outputs.
#ifndef RECSAE_COMMON_MATH_SIMD_KERNELS_H_
#define RECSAE_COMMON_MATH_SIMD_KERNELS_H_

#include <cstdint>

#include "common/math/simd/codes.h"

namespace recsae::math {

// y += a · x, n values.
void AddScaled(float a, const float* x, int n, float* y);

// x ← a · x, n values.
void Scale(float a, int n, float* x);

// out = a · x − b, n values.
void ScaleAndCentre(float a, const float* x, const float* b, int n, float* out);

// out[i] = values[index[i]], n values.
void Gather(const float* values, const int32_t* index, int n, float* out);

// Removes from g its component along the unit vector w (n values): g −= ⟨g, w⟩ w.
void RemoveParallel(const float* w, int n, float* g);

// Sum of squares of n values.
float SquaredNorm(const float* x, int n);

// Each row of x [rows, n] to unit norm; a zero row stays.
void NormaliseRows(float* x, int rows, int n);

// e = target − Σ z_j w_j over the code's latents, w [F, d]; returns ‖e‖². e may be target.
float Residual(const float* target, const float* w, const LatentActivation* code, int count, int d,
               float* e);

// Of a code whose prefixes (the entries before ends[0], ends[1], ..., all `count` at last) each
// reconstruct by themselves: the errors e_g = target − Σ z_j w_j over the g-th prefix, the
// gradients g_g = factor · Σ of e_h over h >= g, [prefixes, d], and delta[c] = ⟨g_g, w_j⟩ for each
// entry, g the first prefix that it is in. Adds g_0 to sum [d], and writes the last error to error
// [d]; either may be null, and error may be target.
struct PrefixErrors {
  float all;   // Σ_g ‖e_g‖²
  float last;  // ‖e_g‖² of the last prefix
};
PrefixErrors ResidualGradients(const float* target, const float* w, const LatentActivation* code,
                               const int* ends, int prefixes, int d, float factor, float* gradients,
                               float* delta, float* sum, float* error);

// out[c] = ⟨g, w_j⟩ for the latent j of each entry of a code; g [d], w [F, d].
void Dots(const float* g, const float* w, const LatentActivation* code, int count, int d,
          float* out);

// Sets the value of each entry to the pre-activation of its latent: ⟨encoder_j, row⟩ + bias_j, with
// row [d], encoder [F, d] and bias [F] or null for none, and takes away those not above the floor;
// returns how many are left.
int EncodeLatents(const float* row, const float* encoder, const float* bias, int d, float floor,
                  LatentActivation* list, int count);

// What one active latent of one row adds to the gradients of that latent's parameters.
struct Contribution {
  int32_t row;       // of the centred activations
  int32_t residual;  // row of the gradients at decoderᵀ z
  float value;       // z
  float delta;       // ∂loss/∂pre
};

// The gradients of one latent's parameters, from its contributions in their order:
//   decoder = Σ value · residuals[residual], without its component along the unit vector
//   `direction` where that is not null; encoder = Σ delta · centred[row]; both [d], overwritten.
struct LatentGradient {
  float bias;     // Σ delta
  float squares;  // sum of the squares of decoder and encoder
};
LatentGradient SumContributions(const Contribution* contributions, int count,
                                const float* residuals, const float* centred,
                                const float* direction, int d, float* decoder, float* encoder);

// One step of Adam (Kingma & Ba, 2015, algorithm 1) on n parameters; gradient null = all 0. The
// step itself is good to about 22 bits (17 on the scalar path); denormal moments become 0.
struct AdamStep {
  float learning_rate;
  float beta1, beta2, epsilon;
  float correction1, correction2;  // 1 / (1 − betaᵗ)
  float gradient_scale;            // multiplies each gradient first (clipping)
};
void ApplyAdam(const AdamStep& step, const float* gradient, int n, float* parameter, float* m,
               float* v);

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_SIMD_KERNELS_H_
