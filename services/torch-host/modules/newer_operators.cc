#include "services/torch-host/modules/newer_operators.h"

#include <torch/csrc/jit/runtime/operator.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace recsae::probe {
namespace {

using Optional = c10::optional<torch::Tensor>;

constexpr float kNever = -std::numeric_limits<float>::infinity();

// What is added to the scores before the softmax.
torch::Tensor Masked(const torch::Tensor& scores, const Optional& mask, bool is_causal) {
  if (is_causal) {
    const torch::Tensor seen = torch::ones({scores.size(-2), scores.size(-1)}, torch::kBool).tril();
    return scores.masked_fill(seen.logical_not(), kNever);
  }
  if (!mask.has_value() || !mask->defined()) return scores;
  if (mask->scalar_type() == torch::kBool) return scores.masked_fill(mask->logical_not(), kNever);
  return scores + *mask;
}

torch::Tensor ScaledDotProductAttention(const torch::Tensor& query, torch::Tensor key,
                                        torch::Tensor value, const Optional& mask, double dropout,
                                        bool is_causal, c10::optional<double> scale,
                                        bool enable_gqa) {
  if (enable_gqa) {  // a few heads of keys and values for all of queries
    key = key.repeat_interleave(query.size(-3) / key.size(-3), -3);
    value = value.repeat_interleave(query.size(-3) / value.size(-3), -3);
  }
  const double by = scale.value_or(1 / std::sqrt(static_cast<double>(query.size(-1))));
  const torch::Tensor scores =
      Masked(torch::matmul(query * by, key.transpose(-2, -1)), mask, is_causal);
  torch::Tensor weights = torch::softmax(scores, -1);
  // A row that sees nothing gives nothing, not NaN.
  weights = weights.masked_fill((scores == kNever).all(-1, true), 0);
  if (dropout > 0) weights = torch::dropout(weights, dropout, true);
  return torch::matmul(weights, value);
}

torch::Tensor RmsNorm(const torch::Tensor& input, const std::vector<int64_t>& shape,
                      const Optional& weight, c10::optional<double> epsilon) {
  std::vector<int64_t> dims;
  for (size_t i = 0; i < shape.size(); ++i) dims.push_back(-1 - static_cast<int64_t>(i));
  const double smallest = input.scalar_type() == torch::kDouble
                              ? std::numeric_limits<double>::epsilon()
                              : std::numeric_limits<float>::epsilon();
  const torch::Tensor scale =
      torch::rsqrt(input.pow(2).mean(dims, true) + epsilon.value_or(smallest));
  const torch::Tensor normed = input * scale;
  return weight.has_value() && weight->defined() ? normed * *weight : normed;
}

Optional TensorOrNone(const c10::IValue& value) {
  return value.isNone() ? Optional() : Optional(value.toTensor());
}

c10::optional<double> NumberOrNone(const c10::IValue& value) {
  return value.isNone() ? c10::optional<double>() : c10::optional<double>(value.toDouble());
}

// Takes a call's arguments off the stack and puts its result there.
void RunAttention(torch::jit::Stack& stack) {
  const auto a = torch::jit::pop(stack, 8);
  torch::jit::push(stack, ScaledDotProductAttention(
                              a[0].toTensor(), a[1].toTensor(), a[2].toTensor(), TensorOrNone(a[3]),
                              a[4].toDouble(), a[5].toBool(), NumberOrNone(a[6]), a[7].toBool()));
}

void RunRmsNorm(torch::jit::Stack& stack) {
  const auto a = torch::jit::pop(stack, 4);
  torch::jit::push(
      stack, RmsNorm(a[0].toTensor(), a[1].toIntVector(), TensorOrNone(a[2]), NumberOrNone(a[3])));
}

// Later releases of libtorch have it themselves.
void RegisterUnlessThere(const std::string& schema, void (*run)(torch::jit::Stack&)) {
  const auto name = c10::Symbol::fromQualString(schema.substr(0, schema.find('(')));
  if (!torch::jit::getAllOperatorsFor(name).empty()) return;
  torch::jit::registerOperator(
      torch::jit::Operator(schema, run, c10::AliasAnalysisKind::FROM_SCHEMA));
}

bool RegisterAll() {
  // Archives of releases whose schema had fewer arguments leave out those with defaults.
  RegisterUnlessThere(
      "aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? "
      "attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool "
      "enable_gqa=False) -> Tensor",
      RunAttention);
  RegisterUnlessThere(
      "aten::rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? "
      "eps=None) -> Tensor",
      RunRmsNorm);
  return true;
}

}  // namespace

void RegisterNewerOperators() { [[maybe_unused]] static const bool registered = RegisterAll(); }

}  // namespace recsae::probe
