// Losses of user and item vectors, with their gradients: what BPRMF and LightGCN are trained on.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_USER_ITEM_LOSS_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_USER_ITEM_LOSS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "services/probe/recommenders/train/kernels.h"

namespace recsae::math {
class WorkerPool;
}  // namespace recsae::math

namespace recsae::probe {

// Vectors of users, then of items: float [users + items, dim], row-major.
struct NodeVectors {
  const float* values;
  int64_t users;
  int64_t items;
  int dim;

  int64_t size() const { return (users + items) * dim; }
};

// Both return the mean loss over the interactions and set `gradient` [users + items, dim] to its
// gradient. The result does not depend on the number of the pool's threads.

// BPR (Rendle 2012): -log sigma(<u, v+> - <u, v->) of each triple, whose numbers are rows of
// `vectors`.
double BprLoss(const NodeVectors& vectors, absl::Span<const Triple> triples, math::WorkerPool* pool,
               float* gradient);

// Sets `gradient` [users + items, dim] to that of triples whose loss has the derivative slopes[i]
// with respect to <u, v-> and -slopes[i] with respect to <u, v+>.
void BprGradient(const NodeVectors& vectors, absl::Span<const Triple> triples,
                 absl::Span<const float> slopes, math::WorkerPool* pool, float* gradient);

// Cross-entropy over all items: -log softmax(<u, .>)[v] of each interaction of each of `users`,
// none twice, with interactions[user]: item numbers. A user's interactions share one row of scores,
// which makes this cheap.
double SoftmaxLoss(const NodeVectors& vectors, absl::Span<const int32_t> users,
                   absl::Span<const absl::Span<const int32_t>> interactions, math::WorkerPool* pool,
                   float* gradient);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_USER_ITEM_LOSS_H_
