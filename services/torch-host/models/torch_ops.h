// Differentiable operations that libtorch lacks in a fast form.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_TORCH_OPS_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_TORCH_OPS_H_

#include <cstdint>

#include "absl/types/span.h"

namespace at {
class Tensor;
}  // namespace at

namespace recsae {
class Random;
namespace math {
class WorkerPool;
}  // namespace math
}  // namespace recsae

namespace recsae::probe {

// All of these split their work into a fixed number of parts that the pool's threads share, so the
// result does not depend on how many threads there are. The pool must outlive the backward pass.

// Mean over rows of -log softmax(hidden · itemsᵀ)[target]: hidden [P, d], items [n, d], targets
// int64 [P]. With masked [P], each row's softmax is over the items that are not in its mask, and
// the target in any case; the spans are read before the function returns. With smoothing, this
// share of the label is spread evenly over the items that the softmax is over. The gradients are
// formed with the loss, a few rows at a time, so the [P, n] scores never exist as a whole: they
// stay in the cache.
at::Tensor SoftmaxLoss(const at::Tensor& hidden, const at::Tensor& items, const at::Tensor& targets,
                       absl::Span<const absl::Span<const int32_t>> masked, double smoothing,
                       math::WorkerPool* pool);

// x · weightᵀ + bias: x [rows, in], weight [out, in], bias [out]. As torch::linear, over oneDNN:
// libtorch's own matrix product is only as fast as the BLAS that happens to be installed.
at::Tensor Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  math::WorkerPool* pool);

// softmax(q · kᵀ / sqrt(d_head), masked) · v within each window, if causal from the positions up to
// each position's own: qkv [windows, length,
// 3d] holds queries, keys and values side by side; padding int32 [windows] is the number of
// positions at the start of each window that hold no item. Result [windows, length, d]; 0 at padded
// positions.
at::Tensor Attention(const at::Tensor& qkv, const at::Tensor& padding, int heads, bool causal,
                     math::WorkerPool* pool);

// x with each element set to 0 with probability p and the rest scaled by 1 / (1 - p). Draws from
// `random`, not from libtorch's generator, which other jobs of the process would share.
at::Tensor Dropout(const at::Tensor& x, double p, Random* random, math::WorkerPool* pool);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_TORCH_OPS_H_
