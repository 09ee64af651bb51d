// SASRec's network.
#include "services/torch-host/models/sasrec_network.h"

#include "absl/strings/str_cat.h"
#include "services/torch-host/models/torch_ops.h"
#include "services/torch-host/models/torch_training.h"

namespace recsae::probe {
namespace {

torch::Tensor MaybeDropout(const torch::Tensor& x, double p, Random* random,
                           math::WorkerPool* pool) {
  return random == nullptr || p == 0 ? x : Dropout(x, p, random, pool);
}

}  // namespace

SasrecNetwork::SasrecNetwork(const RecommenderOptions& options, int64_t n, Random* random)
    : options_(options) {
  const int64_t d = options.dim;
  items = register_parameter("items", NormalTensor({n, d}, random));
  positions = register_parameter("positions", NormalTensor({options.history, d}, random));
  for (int i = 0; i < options.layers; ++i) {
    const std::string at = absl::StrCat("layer", i, "_");
    Layer layer;
    layer.qkv_weight = register_parameter(at + "qkv_weight", NormalTensor({3 * d, d}, random));
    layer.qkv_bias = register_parameter(at + "qkv_bias", torch::zeros({3 * d}));
    layer.norm1_weight = register_parameter(at + "norm1_weight", torch::ones({d}));
    layer.norm1_bias = register_parameter(at + "norm1_bias", torch::zeros({d}));
    layer.inner_weight = register_parameter(at + "inner_weight", NormalTensor({d, d}, random));
    layer.inner_bias = register_parameter(at + "inner_bias", torch::zeros({d}));
    layer.outer_weight = register_parameter(at + "outer_weight", NormalTensor({d, d}, random));
    layer.outer_bias = register_parameter(at + "outer_bias", torch::zeros({d}));
    layer.norm2_weight = register_parameter(at + "norm2_weight", torch::ones({d}));
    layer.norm2_bias = register_parameter(at + "norm2_bias", torch::zeros({d}));
    layers_.push_back(layer);
  }
}

torch::Tensor SasrecNetwork::Apply(const Layer& layer, const torch::Tensor& x,
                                   const torch::Tensor& padding, Random* random,
                                   math::WorkerPool* pool) const {
  const int64_t d = options_.dim, windows = padding.size(0);
  const torch::Tensor qkv = Linear(x, layer.qkv_weight, layer.qkv_bias, pool);
  const torch::Tensor context =
      CausalAttention(qkv.view({windows, -1, 3 * d}), padding, options_.heads, pool).view({-1, d});
  const torch::Tensor attended =
      torch::layer_norm(MaybeDropout(context, options_.dropout, random, pool) + x, {d},
                        layer.norm1_weight, layer.norm1_bias);
  const torch::Tensor inner =
      torch::relu(Linear(attended, layer.inner_weight, layer.inner_bias, pool));
  const torch::Tensor outer = Linear(inner, layer.outer_weight, layer.outer_bias, pool);
  return torch::layer_norm(MaybeDropout(outer, options_.dropout, random, pool) + attended, {d},
                           layer.norm2_weight, layer.norm2_bias);
}

torch::Tensor SasrecNetwork::Forward(const torch::Tensor& inputs, const torch::Tensor& padding,
                                     Random* random, math::WorkerPool* pool, const Tap& tap) const {
  const int64_t length = inputs.size(1);
  const torch::Tensor embedded = torch::embedding(items, inputs) +
                                 positions.slice(0, options_.history - length, options_.history);
  torch::Tensor x = MaybeDropout(embedded.view({-1, options_.dim}), options_.dropout, random, pool);
  if (tap) tap(0, x);
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = Apply(layers_[i], x, padding, random, pool);
    if (tap) tap(i + 1, x);
  }
  return x;
}

}  // namespace recsae::probe
