// LightGCN's propagation (He et al. 2020, equations 3 and 8) over the graph of training
// interactions.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_LIGHTGCN_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_LIGHTGCN_H_

#include <cstdint>
#include <vector>

#include "common/math/simd/codes.h"
#include "services/probe/datasets/dataset.h"

namespace recsae::math {
class WorkerPool;
}  // namespace recsae::math

namespace recsae::probe {

// The bipartite graph of users and items: an edge for each pair that occurs in training, without
// weight, however often it occurs; no self-loops. Nodes are the users, then the items. Immutable:
// thread-safe.
class InteractionGraph {
 public:
  explicit InteractionGraph(const Dataset& dataset);

  int64_t nodes() const { return static_cast<int64_t>(first_.size()) - 1; }

  // out = 1 / (layers + 1) · Σ_{l = 0..layers} Âˡ x with Â = D^-½ A D^-½, A the adjacency and D the
  // degrees: x and out are float [nodes, dim], row-major, and distinct. A node without edges
  // receives nothing: its row of out is x / (layers + 1).
  //
  // The operator is symmetric, so this is also what takes a gradient with respect to `out` to one
  // with respect to `x`. The result does not depend on the number of the pool's threads.
  void Propagate(const float* x, int dim, int layers, math::WorkerPool* pool, float* out) const;

 private:
  // Â by rows: an entry's latent is its column, its value is negative, as math::Residual wants it.
  std::vector<int64_t> first_;                   // [nodes + 1]: where a node's entries begin
  std::vector<math::LatentActivation> entries_;  // columns ascending for each node
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_LIGHTGCN_H_
