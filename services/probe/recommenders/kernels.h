// Inner loops over plain float arrays, compiled for several instruction sets.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_KERNELS_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_KERNELS_H_

#include <cstdint>

namespace recsae::probe {

// Replaces the n scores by scale · (softmax(scores) − [i = target]), the gradient of
// scale · cross-entropy, and returns the cross-entropy −log softmax(scores)[target] (unscaled).
double SoftmaxGradient(float* scores, int64_t n, int64_t target, float scale);

inline constexpr int kMaxLength = 512;  // longest window of the attention below

// mask[i] = scale with probability 1 − drop / 2^16, else 0; from SplitMix64 of `seed`.
void FillDropoutMask(uint64_t seed, uint32_t drop, float scale, int64_t n, float* mask);

// Causal attention of one window and one head. q, k, v and out are rows of `stride` floats of which
// `dim` belong to the head; positions [first, length) hold items. `weights` [length, length] gets
// the attention weights, which the backward pass needs.
void AttendForward(const float* q, const float* k, const float* v, int stride, int first,
                   int length, int dim, float* weights, float* out, int out_stride);

// Gradients of the same with respect to q, k and v, which are set (not added to).
void AttendBackward(const float* q, const float* k, const float* v, int stride, int first,
                    int length, int dim, const float* weights, const float* grad_out,
                    int out_stride, float* grad_q, float* grad_k, float* grad_v);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_KERNELS_H_
