// SASRec's network (Kang & McAuley 2018): post-norm transformer over item and position embeddings.
// For .cc files only: includes libtorch.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_SASREC_NETWORK_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_SASREC_NETWORK_H_

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "common/base/random.h"
#include "common/math/worker_pool.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

class SasrecNetwork : public torch::nn::Module {
 public:
  // Sees the output of the embedding (site 0) and of each layer (1, 2, ...), [windows * length,
  // dim], and may change it.
  using Tap = std::function<void(size_t site, torch::Tensor& output)>;

  // Weights from N(0, 0.01), biases 0, norms at identity.
  SasrecNetwork(const RecommenderOptions& options, int64_t items, Random* random);

  // inputs int64 [windows, length]: items, right-aligned, so that the position counted back from
  // the most recent item is what the position embedding sees; padding int32 [windows]: how many
  // leading positions hold none (their values there are ignored). With `random`, drops out. Returns
  // [windows * length, dim]. Thread-safe.
  torch::Tensor Forward(const torch::Tensor& inputs, const torch::Tensor& padding, Random* random,
                        math::WorkerPool* pool, const Tap& tap = {}) const;

  torch::Tensor items;      // [n, dim]
  torch::Tensor positions;  // [history, dim]; the last row is the most recent item's

 private:
  struct Layer {
    torch::Tensor qkv_weight, qkv_bias;      // [3 dim, dim], [3 dim]
    torch::Tensor norm1_weight, norm1_bias;  // [dim]
    torch::Tensor inner_weight, inner_bias;  // [dim, dim], [dim]
    torch::Tensor outer_weight, outer_bias;  // [dim, dim], [dim]
    torch::Tensor norm2_weight, norm2_bias;  // [dim]
  };
  torch::Tensor Apply(const Layer& layer, const torch::Tensor& x, const torch::Tensor& padding,
                      Random* random, math::WorkerPool* pool) const;

  RecommenderOptions options_;
  std::vector<Layer> layers_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_SASREC_NETWORK_H_
