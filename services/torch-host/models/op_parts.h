// How the autograd functions split their work over a pool. For .cc files only: includes libtorch.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_OP_PARTS_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_OP_PARTS_H_

#include <torch/torch.h>

#include <cstdint>

#include "common/math/worker_pool.h"

namespace recsae::probe {

// As many parts whatever the number of threads, so that sums have the same order.
inline constexpr int kParts = 8;

// Runs part(index, begin, end) on kParts contiguous parts of [0, n).
template <typename Part>
void InParts(math::WorkerPool* pool, int64_t n, const Part& part) {
  pool->Run(kParts, [&](int p, int) { part(p, p * n / kParts, (p + 1) * n / kParts); });
}

// The pool goes from the forward to the backward pass in the context.
inline void SavePool(torch::autograd::AutogradContext* ctx, math::WorkerPool* pool) {
  ctx->saved_data["pool"] = reinterpret_cast<int64_t>(pool);
}
inline math::WorkerPool* SavedPool(torch::autograd::AutogradContext* ctx) {
  return reinterpret_cast<math::WorkerPool*>(ctx->saved_data["pool"].toInt());  // NOLINT
}

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_OP_PARTS_H_
