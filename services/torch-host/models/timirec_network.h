// TiMiRec's network (Wang et al. 2022): an extractor of interest vectors, and a GRU that weighs
// them. For .cc files only: includes libtorch.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_NETWORK_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_NETWORK_H_

#include <torch/torch.h>

#include <memory>

#include "common/base/random.h"
#include "common/math/worker_pool.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/torch-host/models/sequence_batch.h"
#include "services/torch-host/models/transformer_network.h"

namespace recsae::probe {

// Gives every position what the model would say if the history ended there, so that one pass over a
// window trains all of its positions. For that, the extractor's transformer is causal, where the
// paper's sees the whole history from each position, and interests are pooled over the positions so
// far. One pass for each position, as the paper's form needs, would cost as many times more as a
// window is long.
class TimirecNetwork : public torch::nn::Module {
 public:
  // Weights from N(0, 0.01), biases 0, norms at identity.
  TimirecNetwork(const RecommenderOptions& options, int64_t items, Random* random);

  // Interest vectors at every position: v_k = sum over t of softmax_t(W2 tanh(W1 h_t + b1) + b2)_k
  // h_t, with h from the transformer. [sequences * length, interests, dim]; 0 where there is no
  // item. With `random`, drops out. Thread-safe, as is Logits.
  torch::Tensor Interests(const SequenceInputs& inputs, Random* random,
                          math::WorkerPool* pool) const;

  // What the GRU makes of the history at every position: a logit for each interest.
  // [sequences * length, interests]
  torch::Tensor Logits(const SequenceInputs& inputs, Random* random, math::WorkerPool* pool) const;

  // The user vector: sum over k of softmax(logits)_k · v_k. [rows, interests, dim] and
  // [rows, interests] give [rows, dim].
  static torch::Tensor Combine(const torch::Tensor& interests, const torch::Tensor& logits);

  // The prediction head, [n, dim]: the extractor's item embeddings.
  const torch::Tensor& items() const { return extractor_->items; }

 private:
  RecommenderOptions options_;
  std::shared_ptr<TransformerNetwork> extractor_;
  torch::Tensor attention_weight_, attention_bias_;  // W1, b1: [attention_dim, dim]
  torch::Tensor head_weight_, head_bias_;            // W2, b2: [interests, attention_dim]
  torch::Tensor gru_items_;                          // [n, dim]: the GRU's own embeddings
  torch::Tensor input_weight_, input_bias_;          // [3 dim, dim], [3 dim]
  torch::Tensor state_weight_, state_bias_;          // [3 dim, dim], [3 dim]
  torch::Tensor logit_weight_, logit_bias_;          // [interests, dim], [interests]
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_NETWORK_H_
