// The transformers over item and position embeddings: SASRec's blocks, GPT-2's and BERT's.
// For .cc files only: includes libtorch.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_TRANSFORMER_NETWORK_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_TRANSFORMER_NETWORK_H_

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "common/base/random.h"
#include "common/math/worker_pool.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/torch-host/models/sequence_batch.h"

namespace recsae::probe {

// What the kinds' blocks differ in.
struct BlockStyle {
  bool causal = true;      // a position attends to those before it and itself; else to all
  bool pre_norm = false;   // norms before attention and feed-forward part, and one after all blocks
  bool gelu = false;       // else ReLU
  bool projected = false;  // a linear map after attention
  int widening = 1;        // width of the feed-forward part, in dim
};

// SASRec (Kang & McAuley 2018), also TiMiRec's extractor; GPT (Radford et al. 2019); BERT4Rec (Sun
// et al. 2019).
BlockStyle StyleOf(RecommenderKind kind);

class TransformerNetwork : public torch::nn::Module {
 public:
  // Sees the output of the embedding (site 0) and of each layer (1, 2, ...), [windows * length,
  // dim], and may change it. False: the rest of the way need not be gone.
  using Tap = std::function<bool(size_t site, torch::Tensor& output)>;

  // Of `length` positions at most. Weights from N(0, 0.01), biases 0, norms at identity.
  TransformerNetwork(const RecommenderOptions& options, int64_t items, int64_t length,
                     Random* random);

  // inputs int64 [windows, length]: items or, where attention is not causal, kMaskToken;
  // right-aligned, so that the position counted back from the last is what the position embedding
  // sees; padding int32 [windows]: how many leading positions hold nothing (their values there are
  // ignored). With `random`, drops out. Returns [windows * length, dim]. Thread-safe.
  torch::Tensor Forward(const torch::Tensor& inputs, const torch::Tensor& padding, Random* random,
                        math::WorkerPool* pool, const Tap& tap = {}) const;

  torch::Tensor items;      // [n, dim]
  torch::Tensor positions;  // [length, dim]; the last row is the last position's

 private:
  struct Layer {
    torch::Tensor qkv_weight, qkv_bias;          // [3 dim, dim], [3 dim]
    torch::Tensor project_weight, project_bias;  // [dim, dim], [dim]; if projected
    torch::Tensor norm1_weight, norm1_bias;      // [dim]
    torch::Tensor inner_weight, inner_bias;      // [width, dim], [width]
    torch::Tensor outer_weight, outer_bias;      // [dim, width], [dim]
    torch::Tensor norm2_weight, norm2_bias;      // [dim]
  };
  torch::Tensor Embed(const torch::Tensor& inputs) const;
  Layer MakeLayer(int number, Random* random);
  torch::Tensor Apply(const Layer& layer, const torch::Tensor& x, const torch::Tensor& padding,
                      Random* random, math::WorkerPool* pool) const;
  torch::Tensor Attend(const Layer& layer, const torch::Tensor& x, const torch::Tensor& padding,
                       math::WorkerPool* pool) const;
  torch::Tensor FeedForward(const Layer& layer, const torch::Tensor& x,
                            math::WorkerPool* pool) const;

  RecommenderOptions options_;
  BlockStyle style_;
  torch::Tensor mask_;  // [dim]: what kMaskToken looks like; if not causal
  std::vector<Layer> layers_;
  torch::Tensor last_norm_weight_, last_norm_bias_;  // [dim]; if pre_norm
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_TRANSFORMER_NETWORK_H_
