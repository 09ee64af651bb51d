// Inner loops over plain float arrays, compiled for several instruction sets.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_KERNELS_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_KERNELS_H_

#include <cstdint>

#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// Replaces the n scores by scale · (softmax(scores) − [i = target]), the gradient of
// scale · cross-entropy, and returns the cross-entropy −log softmax(scores)[target] (unscaled).
double SoftmaxGradient(float* scores, int64_t n, int64_t target, float scale);

// The same for `count` targets of one row of scores: scale · (count · softmax(scores) − [how often
// i is a target]), and the sum of their cross-entropies.
double SoftmaxGradient(float* scores, int64_t n, const int32_t* targets, int64_t count,
                       float scale);

// A user's row, and those of an item of theirs and of another, in one array of vectors.
struct Triple {
  int32_t user;
  int32_t positive;
  int32_t negative;
};

// slopes[i] = scale · σ(⟨u, v⁻⟩ − ⟨u, v⁺⟩), the gradient of scale · −log σ(⟨u, v⁺⟩ − ⟨u, v⁻⟩) with
// respect to the negative score; returns the sum of the losses (unscaled). rows [.., dim].
double BprSlopes(const float* rows, int dim, const Triple* triples, int64_t count, float scale,
                 float* slopes);

// Adds what the triples give to rows [begin, end) of the gradient with respect to `rows`.
void AddBprGradient(const float* rows, int dim, const Triple* triples, const float* slopes,
                    int64_t count, int64_t begin, int64_t end, float* gradient);

// mask[i] = scale with probability 1 − drop / 2^16, else 0; from SplitMix64 of `seed`.
void FillDropoutMask(uint64_t seed, uint32_t drop, float scale, int64_t n, float* mask);

// Attention of one window and one head; if causal, from the positions up to each one's own. q, k, v
// and out are rows of `stride` floats of which `dim` belong to the head; positions [first, length)
// hold items. `weights` [length, length] gets the attention weights, which the backward pass needs.
void AttendForward(const float* q, const float* k, const float* v, int stride, int first,
                   int length, int dim, bool causal, float* weights, float* out, int out_stride);

// Gradients of the same with respect to q, k and v, which are set (not added to).
void AttendBackward(const float* q, const float* k, const float* v, int stride, int first,
                    int length, int dim, bool causal, const float* weights, const float* grad_out,
                    int out_stride, float* grad_q, float* grad_k, float* grad_v);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_KERNELS_H_
