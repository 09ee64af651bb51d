// Propagation: for each layer one product of a sparse matrix and a dense one.
#include "services/probe/recommenders/kinds/lightgcn.h"

#include <algorithm>
#include <cmath>

#include "common/math/simd/kernels.h"
#include "common/math/worker_pool.h"

namespace recsae::probe {
namespace {

constexpr int kParts = 64;  // of about as many edges: more than threads, so that none waits long

// Each user's training items, ascending, without repetition.
std::vector<std::vector<int32_t>> DistinctItems(const Dataset& dataset) {
  std::vector<std::vector<int32_t>> items;
  for (size_t u = 0; u < dataset.sequences.size(); ++u) {
    const auto& sequence = dataset.sequences[u];
    auto& own = items.emplace_back(sequence.begin(), sequence.begin() + dataset.train_length[u]);
    std::sort(own.begin(), own.end());
    own.erase(std::unique(own.begin(), own.end()), own.end());
  }
  return items;
}

}  // namespace

InteractionGraph::InteractionGraph(const Dataset& dataset)
    : first_(dataset.users.size() + dataset.items.size() + 1) {
  const auto users = static_cast<int32_t>(dataset.users.size());
  const std::vector<std::vector<int32_t>> items = DistinctItems(dataset);
  for (int32_t u = 0; u < users; ++u) {
    first_[u + 1] += static_cast<int64_t>(items[u].size());
    for (const int32_t item : items[u]) ++first_[users + item + 1];
  }
  for (size_t node = 1; node < first_.size(); ++node) first_[node] += first_[node - 1];
  entries_.resize(first_.back());
  std::vector<int64_t> next(first_.begin(), first_.end() - 1);
  const auto degree = [&](int32_t node) {
    return static_cast<double>(first_[node + 1] - first_[node]);
  };
  for (int32_t u = 0; u < users; ++u) {
    for (const int32_t item : items[u]) {
      const int32_t v = users + item;
      const auto weight = static_cast<float>(1 / std::sqrt(degree(u) * degree(v)));
      entries_[next[u]++] = {v, -weight};
      entries_[next[v]++] = {u, -weight};
    }
  }
}

void InteractionGraph::Propagate(const float* x, int dim, int layers, math::WorkerPool* pool,
                                 float* out) const {
  const auto in_parts = [&](const auto& work) {
    pool->Run(kParts, [&](int part, int) {
      const auto node_at = [&](int p) {
        if (p == kParts) return nodes();
        const int64_t edge = p * first_.back() / kParts;
        return std::lower_bound(first_.begin(), first_.end() - 1, edge) - first_.begin();
      };
      for (int64_t node = node_at(part); node < node_at(part + 1); ++node) work(node);
    });
  };
  const std::vector<float> zeros(dim);
  std::vector<float> layer(x, x + nodes() * dim), next(layer.size());
  const float share = 1 / static_cast<float>(layers + 1);
  std::transform(x, x + nodes() * dim, out, [&](float value) { return share * value; });
  for (int l = 0; l < layers; ++l) {
    in_parts([&](int64_t node) {
      float* row = next.data() + node * dim;
      const auto count = static_cast<int>(first_[node + 1] - first_[node]);
      math::Residual(zeros.data(), layer.data(), entries_.data() + first_[node], count, dim, row);
      math::AddScaled(share, row, dim, out + node * dim);
    });
    layer.swap(next);
  }
}

}  // namespace recsae::probe
