// TiMiRec's differentiable operations: attention pooling of prefixes, and a GRU.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_OPS_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_OPS_H_

namespace at {
class Tensor;
}  // namespace at

namespace recsae::math {
class WorkerPool;
}  // namespace recsae::math

namespace recsae::probe {

// Results do not depend on the number of threads; the pool must outlive the backward pass. Both
// read `padding` int32 [windows]: how many positions at the start of each window hold no item.

// For each position the weighted sums of the window's vectors up to it: h [windows, length, d],
// scores [windows, length, heads]; the weights of head k are the softmax of scores[..., k] over the
// positions so far. Result [windows, length, heads, d]; 0 at padded positions.
at::Tensor PoolPrefixes(const at::Tensor& h, const at::Tensor& scores, const at::Tensor& padding,
                        math::WorkerPool* pool);

// The states of a GRU that starts from 0 at each window's first item: x [windows, length, 3d] is
// the input's share of the reset, update and candidate pre-activations, weight [3d, d] and bias
// [3d] make the previous state's (formula at GruStepForward). Result [windows, length, d]; 0 at
// padded positions.
at::Tensor Gru(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
               const at::Tensor& padding, math::WorkerPool* pool);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_OPS_H_
