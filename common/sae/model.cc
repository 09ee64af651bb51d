// SaeModel: folds the normalisation into the parameters once, then encodes and decodes.
#include "common/sae/model.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/math/simd/kernels.h"
#include "common/math/simd/top_k.h"

namespace recsae::sae {
namespace {

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return Error(absl::StatusCode::kInvalidArgument, "SAE_WEIGHTS_INVALID",
               absl::StrCat("SAE weights: ", parts...));
}

absl::Status CheckArray(const std::vector<float>& values, size_t expected, absl::string_view name) {
  if (values.size() != expected) {
    return Invalid(name, " has ", values.size(), " values, expected ", expected);
  }
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    return Invalid(name, " holds a NaN or an infinity");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const SaeWeights& weights) {
  if (weights.dim < 1 || weights.latents < 1 || weights.k < 1 || weights.k > weights.latents) {
    return Invalid("dim ", weights.dim, ", latents ", weights.latents, ", k ", weights.k,
                   "; expected dim >= 1, latents >= 1 and 1 <= k <= latents");
  }
  if (!std::isfinite(weights.input_scale) || weights.input_scale <= 0.0f) {
    return Invalid("input scale ", weights.input_scale, "; expected a finite number above 0");
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
    return Invalid("threshold of latent ", below - weights.threshold.begin(), " is ", *below,
                   "; expected at least 0");
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
      encoder_(weights_.encoder),
      offsets_(static_cast<size_t>(weights_.latents)),
      directions_(weights_.decoder),
      bias_(weights_.pre_bias) {
  const auto d = static_cast<size_t>(weights_.dim);
  const float scale = weights_.input_scale;
  for (size_t j = 0; j < offsets_.size(); ++j) {
    float* row = encoder_.data() + j * d;
    double offset = weights_.encoder_bias.empty() ? 0.0 : weights_.encoder_bias[j];
    for (size_t i = 0; i < d; ++i) {
      offset -= static_cast<double>(row[i]) * weights_.pre_bias[i];
      row[i] *= scale;
    }
    offsets_[j] = static_cast<float>(offset);
  }
  for (float& value : directions_) value /= scale;
  for (float& value : bias_) value /= scale;
  if (weights_.architecture == Architecture::kPursuit) {
    pursuit_ = Pursuit(directions_, latents(), dim());
  }
  if (SelectsTopK(weights_.architecture) && math::Screening::Pays(latents(), dim(), Kept())) {
    screening_.Resize(latents(), dim());
    screening_.Pack(encoder_.data(), offsets_.data(), 0, screening_.panels());
  } else {
    packed_.Resize(latents(), dim());
    packed_.Pack(encoder_.data(), offsets_.data(), 0, packed_.panels());
  }
}

int SaeModel::Select(const float* x, const float* pre, const float* maxima,
                     LatentActivation* list) const {
  const math::ExactProduct exact{x, encoder_.data(), offsets_.data(), dim()};
  math::PreActivationSpan span{pre, latents(), 0};
  int count = 0;
  if (SelectsTopK(weights_.architecture)) {
    span.maxima = maxima;
    span.groups = Screened() ? screening_.groups() : packed_.groups();
    if (Screened()) span.exact = &exact;
    count = math::OfferTopK(span, Kept(), IsPositive(weights_.architecture), list, 0);
  } else {
    count = math::CollectAbove(
        span, weights_.threshold.empty() ? nullptr : weights_.threshold.data(), list);
  }
  if (weights_.architecture == Architecture::kPursuit) return Pursue(x, list, count);
  math::SortByValue(list, count);
  return count;
}

int SaeModel::Pursue(const float* x, LatentActivation* list, int count) const {
  std::vector<float> centred(x, x + dim());
  math::AddScaled(-1.0f, bias_.data(), dim(), centred.data());
  const std::vector<LatentActivation> code =
      pursuit_.Encode(centred.data(), {list, static_cast<size_t>(count)}, k());
  std::copy(code.begin(), code.end(), list);
  return static_cast<int>(code.size());
}

int SaeModel::Kept() const {
  if (weights_.architecture != Architecture::kPursuit) return k();
  return static_cast<int>(std::min<int64_t>(latents(), int64_t{kPursuitCandidates} * k()));
}

std::vector<LatentActivation> SaeModel::Encode(const float* x) const {
  const SparseCodes codes = EncodeBatch(x, 1);
  return {codes.Row(0).begin(), codes.Row(0).end()};
}

SparseCodes SaeModel::EncodeBatch(const float* rows, int64_t n) const {
  return *EncodeBatch(rows, n, [] { return absl::OkStatus(); });
}

absl::StatusOr<SparseCodes> SaeModel::EncodeBatch(const float* rows, int64_t n, Alive alive) const {
  SparseCodes codes;
  codes.Reserve(n, n * k());
  const int width = Screened() ? screening_.width() : packed_.width();
  const int groups = Screened() ? screening_.groups() : packed_.groups();
  const int64_t stride = int64_t{Panels()} * width;
  const int64_t at_a_time = std::min<int64_t>(n, math::PackedEncoder::kMaxRows);
  const std::unique_ptr<float[]> pre(new float[static_cast<size_t>(at_a_time * stride)]);
  std::vector<float> maxima(static_cast<size_t>(at_a_time * groups));
  const std::unique_ptr<LatentActivation[]> list(new LatentActivation[ListCapacity()]);
  math::ScreenedRows screened;
  for (int64_t begin = 0; begin < n; begin += at_a_time) {
    RECSAE_RETURN_IF_ERROR(alive());
    const int count = static_cast<int>(std::min(at_a_time, n - begin));
    const float* some = rows + begin * dim();
    if (Screened()) {
      screening_.Quantise(some, count, screened);
      screening_.Bound(screened, 0, count, 0, Panels(), pre.get(), maxima.data());
    } else {
      packed_.Multiply(some, count, 0, Panels(), pre.get(), maxima.data());
    }
    for (int64_t i = 0; i < count; ++i) {
      const int active =
          Select(some + i * dim(), pre.get() + i * stride, maxima.data() + i * groups, list.get());
      codes.Append({list.get(), static_cast<size_t>(active)});
    }
  }
  return codes;
}

void SaeModel::Decode(std::span<const LatentActivation> code, float* reconstruction) const {
  std::copy(bias_.begin(), bias_.end(), reconstruction);
  for (const LatentActivation& entry : code) {
    math::AddScaled(entry.value, Direction(entry.latent).data(), dim(), reconstruction);
  }
}

}  // namespace recsae::sae
