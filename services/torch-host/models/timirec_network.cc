// TiMiRec's network.
#include "services/torch-host/models/timirec_network.h"

#include <string>

#include "services/torch-host/models/timirec_ops.h"
#include "services/torch-host/models/torch_ops.h"
#include "services/torch-host/models/torch_training.h"

namespace recsae::probe {

TimirecNetwork::TimirecNetwork(const RecommenderOptions& options, int64_t n, Random* random)
    : options_(options) {
  const int64_t d = options.dim, width = options.attention_dim, interests = options.interests;
  const auto linear = [&](const std::string& name, int64_t out, int64_t in, torch::Tensor* weight,
                          torch::Tensor* bias) {
    *weight = register_parameter(name + "_weight", NormalTensor({out, in}, random));
    *bias = register_parameter(name + "_bias", torch::zeros({out}));
  };
  extractor_ = register_module(
      "extractor", std::make_shared<TransformerNetwork>(options, n, options.history, random));
  linear("attention", width, d, &attention_weight_, &attention_bias_);
  linear("head", interests, width, &head_weight_, &head_bias_);
  gru_items_ = register_parameter("gru_items", NormalTensor({n, d}, random));
  linear("input", 3 * d, d, &input_weight_, &input_bias_);
  linear("state", 3 * d, d, &state_weight_, &state_bias_);
  linear("logit", interests, d, &logit_weight_, &logit_bias_);
}

torch::Tensor TimirecNetwork::Interests(const SequenceInputs& inputs, Random* random,
                                        math::WorkerPool* pool) const {
  const int64_t sequences = inputs.items.size(0), length = inputs.items.size(1);
  const torch::Tensor h = extractor_->Forward(inputs.items, inputs.padding, random, pool);
  const torch::Tensor hidden = torch::tanh(Linear(h, attention_weight_, attention_bias_, pool));
  const torch::Tensor scores = Linear(hidden, head_weight_, head_bias_, pool);
  return PoolPrefixes(h.view({sequences, length, options_.dim}),
                      scores.view({sequences, length, options_.interests}), inputs.padding, pool)
      .view({-1, options_.interests, options_.dim});
}

torch::Tensor TimirecNetwork::Logits(const SequenceInputs& inputs, Random* random,
                                     math::WorkerPool* pool) const {
  const int64_t sequences = inputs.items.size(0), length = inputs.items.size(1), d = options_.dim;
  torch::Tensor x = torch::embedding(gru_items_, inputs.items).view({-1, d});
  if (random != nullptr && options_.dropout > 0) x = Dropout(x, options_.dropout, random, pool);
  const torch::Tensor shares = Linear(x, input_weight_, input_bias_, pool);
  const torch::Tensor states = Gru(shares.view({sequences, length, 3 * d}), state_weight_,
                                   state_bias_, inputs.padding, pool);
  return Linear(states.view({-1, d}), logit_weight_, logit_bias_, pool);
}

torch::Tensor TimirecNetwork::Combine(const torch::Tensor& interests, const torch::Tensor& logits) {
  return (torch::softmax(logits, 1).unsqueeze(2) * interests).sum(1);
}

}  // namespace recsae::probe
