// Inner loops of TiMiRec over plain float arrays, compiled for several instruction sets.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_KERNELS_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_KERNELS_H_

#include <cstdint>

namespace recsae::probe {

// Attention pooling over every prefix of one window: with h [length, dim] and scores
// [length, heads], out[p][k] = sum over t in [first, p] of softmax(scores[first..p][k])_t · h[t],
// float [length, heads, dim]; 0 before `first`. Computed as the running mean
// out[p] = out[p-1] + gate[p] (h[p] − out[p-1]), where gate[p][k] is the softmax weight of position
// p itself; `gates` [length, heads] is what the backward pass needs.
void PoolPrefixesForward(const float* h, const float* scores, int first, int length, int dim,
                         int heads, float* gates, float* out);

// Gradients of the same with respect to h and scores, which are set (not added to).
void PoolPrefixesBackward(const float* h, const float* gates, const float* out,
                          const float* grad_out, int first, int length, int dim, int heads,
                          float* grad_h, float* grad_scores);

// One step of a GRU for one row (Cho et al. 2014, with the reset gate after the recurrent product):
//   r = σ(x_r + u_r), z = σ(x_z + u_z), n = tanh(x_n + r · u_n), next = (1 − z) n + z · previous
// x is the input's share [3 dim] and u the previous state's; `gates` [3 dim] gets r, z, n.
void GruStepForward(const float* x, const float* u, const float* previous, int dim, float* gates,
                    float* next);

// From the gradient of `next`: those of x and u [3 dim], and the part of the previous state's that
// does not go through u. All are set.
void GruStepBackward(const float* gates, const float* u, const float* previous,
                     const float* grad_next, int dim, float* grad_x, float* grad_u,
                     float* grad_previous);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_KERNELS_H_
