// SaeModel: folds the normalisation into the parameters once, then encodes and decodes.
#include "common/sae/model.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/sae/gemm.h"
#include "common/sae/kernels.h"
#include "common/sae/top_k.h"

namespace recsae::sae {
namespace {

// Rows encoded at a time: their pre-activations stay in the second-level cache.
constexpr int64_t kRowsPerBlock = 128;

absl::Status CheckArray(const std::vector<float>& values, size_t expected, absl::string_view name) {
  if (values.size() != expected) {
    return absl::InvalidArgumentError(absl::StrCat("SAE weights: ", name, " has ", values.size(),
                                                   " values, expected ", expected));
  }
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    return absl::InvalidArgumentError(
        absl::StrCat("SAE weights: ", name, " holds a NaN or an infinity"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const SaeWeights& weights) {
  if (weights.dim < 1 || weights.latents < 1 || weights.k < 1 || weights.k > weights.latents) {
    return absl::InvalidArgumentError(
        absl::StrCat("SAE weights: dim ", weights.dim, ", latents ", weights.latents, ", k ",
                     weights.k, "; expected dim >= 1, latents >= 1 and 1 <= k <= latents"));
  }
  if (!std::isfinite(weights.input_scale) || weights.input_scale <= 0.0f) {
    return absl::InvalidArgumentError(absl::StrCat("SAE weights: input scale ", weights.input_scale,
                                                   "; expected a finite number above 0"));
  }
  const auto d = static_cast<size_t>(weights.dim);
  const auto latents = static_cast<size_t>(weights.latents);
  for (const absl::Status& status :
       {CheckArray(weights.encoder, latents * d, "encoder"),
        CheckArray(weights.encoder_bias, weights.encoder_bias.empty() ? 0 : latents,
                   "encoder_bias"),
        CheckArray(weights.decoder, latents * d, "decoder"),
        CheckArray(weights.pre_bias, d, "pre_bias"),
        CheckArray(weights.threshold, HasThreshold(weights.architecture) ? latents : 0,
                   "threshold")}) {
    if (!status.ok()) return status;
  }
  const auto below = std::find_if(weights.threshold.begin(), weights.threshold.end(),
                                  [](float value) { return value < 0.0f; });
  if (below != weights.threshold.end()) {
    return absl::InvalidArgumentError(absl::StrCat("SAE weights: threshold of latent ",
                                                   below - weights.threshold.begin(), " is ",
                                                   *below, "; expected at least 0"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SaeModel> SaeModel::Create(SaeWeights weights) {
  const absl::Status status = Validate(weights);
  if (!status.ok()) return status;
  return SaeModel(std::move(weights));
}

SaeModel::SaeModel(SaeWeights weights)
    : weights_(std::move(weights)),
      encoder_columns_(weights_.encoder.size()),
      offset_(static_cast<size_t>(weights_.latents)),
      directions_(weights_.decoder),
      bias_(weights_.pre_bias) {
  const auto d = static_cast<size_t>(weights_.dim);
  const auto latents = static_cast<size_t>(weights_.latents);
  const float scale = weights_.input_scale;
  for (size_t j = 0; j < latents; ++j) {
    const float* row = weights_.encoder.data() + j * d;
    double offset = weights_.encoder_bias.empty() ? 0.0 : weights_.encoder_bias[j];
    for (size_t i = 0; i < d; ++i) {
      encoder_columns_[i * latents + j] = scale * row[i];
      offset -= static_cast<double>(row[i]) * weights_.pre_bias[i];
    }
    offset_[j] = static_cast<float>(offset);
  }
  for (float& value : directions_) value /= scale;
  for (float& value : bias_) value /= scale;
}

void SaeModel::PreActivations(const float* x, float* out) const {
  MultiplyRow(x, encoder_columns_.data(), offset_.data(), dim(), latents(), out);
}

int SaeModel::Select(const float* values, const float* bias, LatentActivation* list) const {
  const PreActivationSpan pre{values, bias, latents(), 0};
  const bool positive_only = weights_.architecture != Architecture::kTopKSigned;
  const int count =
      SelectsTopK(weights_.architecture)
          ? OfferTopK(pre, k(), positive_only, list, 0)
          : CollectAbove(pre, weights_.threshold.empty() ? nullptr : weights_.threshold.data(),
                         list);
  SortByValue(list, count);
  return count;
}

std::vector<LatentActivation> SaeModel::Encode(const float* x) const {
  std::vector<float> pre(static_cast<size_t>(latents()));
  PreActivations(x, pre.data());
  const std::unique_ptr<LatentActivation[]> list(new LatentActivation[ListCapacity()]);
  const int count = Select(pre.data(), nullptr, list.get());
  return {list.get(), list.get() + count};
}

SparseCodes SaeModel::EncodeBatch(const float* rows, int64_t n) const {
  SparseCodes codes;
  codes.Reserve(n, n * k());
  const int64_t block = std::min(n, kRowsPerBlock);
  const std::unique_ptr<float[]> pre(new float[static_cast<size_t>(block * latents())]);
  const std::unique_ptr<LatentActivation[]> list(new LatentActivation[ListCapacity()]);
  for (int64_t begin = 0; begin < n; begin += block) {
    const int64_t count = std::min(block, n - begin);
    Sgemm(Transpose::kNo, Transpose::kNo, count, latents(), dim(), rows + begin * dim(),
          encoder_columns_.data(), 0.0f, pre.get());
    for (int64_t i = 0; i < count; ++i) {
      const int active = Select(pre.get() + i * latents(), offset_.data(), list.get());
      codes.Append({list.get(), static_cast<size_t>(active)});
    }
  }
  return codes;
}

void SaeModel::Decode(std::span<const LatentActivation> code, float* reconstruction) const {
  std::copy(bias_.begin(), bias_.end(), reconstruction);
  for (const LatentActivation& entry : code) {
    AddScaled(entry.value, Direction(entry.latent).data(), dim(), reconstruction);
  }
}

}  // namespace recsae::sae
