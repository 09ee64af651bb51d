// Transformer blocks, as each kind has them.
#include "services/torch-host/models/transformer_network.h"

#include "absl/strings/str_cat.h"
#include "services/torch-host/models/torch_ops.h"
#include "services/torch-host/models/torch_training.h"

namespace recsae::probe {
namespace {

torch::Tensor MaybeDropout(const torch::Tensor& x, double p, Random* random,
                           math::WorkerPool* pool) {
  return random == nullptr || p == 0 ? x : Dropout(x, p, random, pool);
}

torch::Tensor Norm(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  return torch::layer_norm(x, {weight.size(0)}, weight, bias);
}

}  // namespace

BlockStyle StyleOf(RecommenderKind kind) {
  switch (kind) {
    case RecommenderKind::kGpt:
      return {.causal = true, .pre_norm = true, .gelu = true, .projected = true, .widening = 4};
    case RecommenderKind::kBert4rec:
      return {.causal = false, .pre_norm = false, .gelu = true, .projected = true, .widening = 4};
    default:
      return {};
  }
}

TransformerNetwork::TransformerNetwork(const RecommenderOptions& options, int64_t n, int64_t length,
                                       Random* random)
    : options_(options), style_(StyleOf(options.kind)) {
  const int64_t d = options.dim;
  items = register_parameter("items", NormalTensor({n, d}, random));
  positions = register_parameter("positions", NormalTensor({length, d}, random));
  if (!style_.causal) mask_ = register_parameter("mask", NormalTensor({d}, random));
  for (int i = 0; i < options.layers; ++i) layers_.push_back(MakeLayer(i, random));
  if (!style_.pre_norm) return;
  last_norm_weight_ = register_parameter("last_norm_weight", torch::ones({d}));
  last_norm_bias_ = register_parameter("last_norm_bias", torch::zeros({d}));
}

TransformerNetwork::Layer TransformerNetwork::MakeLayer(int number, Random* random) {
  const int64_t d = options_.dim, width = d * style_.widening;
  const std::string at = absl::StrCat("layer", number, "_");
  const auto linear = [&](const std::string& name, int64_t out, int64_t in, torch::Tensor* weight,
                          torch::Tensor* bias) {
    *weight = register_parameter(at + name + "_weight", NormalTensor({out, in}, random));
    *bias = register_parameter(at + name + "_bias", torch::zeros({out}));
  };
  const auto norm = [&](const std::string& name, torch::Tensor* weight, torch::Tensor* bias) {
    *weight = register_parameter(at + name + "_weight", torch::ones({d}));
    *bias = register_parameter(at + name + "_bias", torch::zeros({d}));
  };
  Layer layer;
  linear("qkv", 3 * d, d, &layer.qkv_weight, &layer.qkv_bias);
  if (style_.projected) linear("project", d, d, &layer.project_weight, &layer.project_bias);
  norm("norm1", &layer.norm1_weight, &layer.norm1_bias);
  linear("inner", width, d, &layer.inner_weight, &layer.inner_bias);
  linear("outer", d, width, &layer.outer_weight, &layer.outer_bias);
  norm("norm2", &layer.norm2_weight, &layer.norm2_bias);
  return layer;
}

torch::Tensor TransformerNetwork::Embed(const torch::Tensor& inputs) const {
  if (style_.causal) return torch::embedding(items, inputs);
  const torch::Tensor masked = (inputs == kMaskToken).unsqueeze(2);
  return torch::where(masked, mask_, torch::embedding(items, inputs.clamp_min(0)));
}

torch::Tensor TransformerNetwork::Attend(const Layer& layer, const torch::Tensor& x,
                                         const torch::Tensor& padding,
                                         math::WorkerPool* pool) const {
  const int64_t d = options_.dim, windows = padding.size(0);
  const torch::Tensor qkv = Linear(x, layer.qkv_weight, layer.qkv_bias, pool);
  const torch::Tensor context =
      Attention(qkv.view({windows, -1, 3 * d}), padding, options_.heads, style_.causal, pool)
          .view({-1, d});
  return style_.projected ? Linear(context, layer.project_weight, layer.project_bias, pool)
                          : context;
}

torch::Tensor TransformerNetwork::FeedForward(const Layer& layer, const torch::Tensor& x,
                                              math::WorkerPool* pool) const {
  const torch::Tensor inner = Linear(x, layer.inner_weight, layer.inner_bias, pool);
  return Linear(style_.gelu ? torch::gelu(inner, "tanh") : torch::relu(inner), layer.outer_weight,
                layer.outer_bias, pool);
}

torch::Tensor TransformerNetwork::Apply(const Layer& layer, const torch::Tensor& x,
                                        const torch::Tensor& padding, Random* random,
                                        math::WorkerPool* pool) const {
  const auto dropped = [&](const torch::Tensor& part) {
    return MaybeDropout(part, options_.dropout, random, pool);
  };
  const auto norm1 = [&](const torch::Tensor& y) {
    return Norm(y, layer.norm1_weight, layer.norm1_bias);
  };
  const auto norm2 = [&](const torch::Tensor& y) {
    return Norm(y, layer.norm2_weight, layer.norm2_bias);
  };
  if (style_.pre_norm) {
    const torch::Tensor attended = dropped(Attend(layer, norm1(x), padding, pool)) + x;
    return dropped(FeedForward(layer, norm2(attended), pool)) + attended;
  }
  const torch::Tensor attended = norm1(dropped(Attend(layer, x, padding, pool)) + x);
  return norm2(dropped(FeedForward(layer, attended, pool)) + attended);
}

torch::Tensor TransformerNetwork::Forward(const torch::Tensor& inputs, const torch::Tensor& padding,
                                          Random* random, math::WorkerPool* pool,
                                          const Tap& tap) const {
  const int64_t length = inputs.size(1), all = positions.size(0);
  const torch::Tensor embedded = Embed(inputs) + positions.slice(0, all - length, all);
  torch::Tensor x = MaybeDropout(embedded.view({-1, options_.dim}), options_.dropout, random, pool);
  if (tap && !tap(0, x)) return x;
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = Apply(layers_[i], x, padding, random, pool);
    if (tap && !tap(i + 1, x)) return x;
  }
  return style_.pre_norm ? Norm(x, last_norm_weight_, last_norm_bias_) : x;
}

}  // namespace recsae::probe
