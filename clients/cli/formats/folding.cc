#include "clients/cli/formats/folding.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/math/matrix.h"

namespace recsae::cli {
namespace {

using sae::SaeWeights;

// Decoder rows this close to length 1 are taken as that: libraries fold their length in when they
// save, and leave the setting on.
constexpr double kUnitTolerance = 1e-5;

// b_enc + sign · W_enc b_dec.
void ShiftEncoderBias(SaeWeights& weights, double sign) {
  const auto d = static_cast<size_t>(weights.dim);
  for (size_t j = 0; j < weights.encoder_bias.size(); ++j) {
    double shift = 0;
    for (size_t i = 0; i < d; ++i) {
      shift += double{weights.encoder[j * d + i]} * weights.pre_bias[i];
    }
    weights.encoder_bias[j] = static_cast<float>(weights.encoder_bias[j] + sign * shift);
  }
}

void AppendNegated(std::vector<float>& values) {
  const size_t count = values.size();
  for (size_t i = 0; i < count; ++i) values.push_back(-values[i]);
}

}  // namespace

void FoldDecoderBias(ImportedSae& imported) {
  const std::vector<float>& bias = imported.weights.pre_bias;
  if (std::all_of(bias.begin(), bias.end(), [](float value) { return value == 0.0f; })) return;
  ShiftEncoderBias(imported.weights, 1);
  imported.facts["apply_b_dec_to_input"] = "false";
  imported.notes.emplace_back(
      "b_enc + W_enc b_dec is the encoder bias, since the encoder of the files reads activations "
      "without subtracting b_dec; here b_dec is subtracted");
}

void UnfoldDecoderBias(SaeWeights& weights) { ShiftEncoderBias(weights, -1); }

bool FoldDecoderNorm(SaeWeights& weights) {
  const auto d = static_cast<size_t>(weights.dim);
  const std::vector<double> norms = math::RowNorms(weights.decoder, weights.dim);
  if (std::all_of(norms.begin(), norms.end(),
                  [](double norm) { return std::abs(norm - 1.0) <= kUnitTolerance; })) {
    return false;
  }
  for (size_t j = 0; j < norms.size(); ++j) {
    weights.encoder_bias[j] = static_cast<float>(weights.encoder_bias[j] * norms[j]);
    for (size_t i = 0; i < d; ++i) {
      weights.encoder[j * d + i] = static_cast<float>(weights.encoder[j * d + i] * norms[j]);
      // A direction of zeros has pre-activation 0 now, and is never chosen.
      if (norms[j] > 0) {
        weights.decoder[j * d + i] = static_cast<float>(weights.decoder[j * d + i] / norms[j]);
      }
    }
  }
  return true;
}

absl::Status FoldGate(const std::vector<float>& r_mag, const std::vector<float>& b_gate,
                      const std::vector<float>& b_mag, ImportedSae& imported) {
  SaeWeights& weights = imported.weights;
  const auto d = static_cast<size_t>(weights.dim);
  weights.architecture = sae::Architecture::kJumpRelu;
  weights.encoder_bias = b_mag;
  weights.threshold.assign(r_mag.size(), 0.0f);
  for (size_t j = 0; j < r_mag.size(); ++j) {
    const double gain = std::exp(double{r_mag[j]});
    for (size_t i = 0; i < d; ++i) {
      float& value = weights.encoder[j * d + i];
      value = static_cast<float>(value * gain);
      if (!std::isfinite(value)) {
        return FilesMalformed(absl::StrCat("exp(r_mag) of latent ", j, " is too large"));
      }
    }
    const double threshold = b_mag[j] - gain * b_gate[j];
    weights.threshold[j] = static_cast<float>(std::max(0.0, threshold));
    if (!std::isfinite(weights.threshold[j])) {
      return FilesMalformed(absl::StrCat("exp(r_mag) of latent ", j, " is too large"));
    }
  }
  imported.facts["gated"] = "true";
  imported.notes.emplace_back(
      "the gate was turned into thresholds of a jump-relu SAE, with which the same latents are "
      "active with the same values");
  return absl::OkStatus();
}

void SplitSigns(ImportedSae& imported) {
  SaeWeights& weights = imported.weights;
  const int latents = weights.latents;
  AppendNegated(weights.encoder);
  AppendNegated(weights.encoder_bias);
  AppendNegated(weights.decoder);
  weights.latents *= 2;
  imported.facts["signs_split"] = "true";
  imported.notes.push_back(absl::StrCat(
      "latents of the files fire in two directions; here latent j stands for j above 0 and latent ",
      latents, " + j for j below 0, so that there are ", weights.latents,
      " and the same reconstructions"));
}

void RaiseThresholds(ImportedSae& imported) {
  int64_t raised = 0;
  for (float& threshold : imported.weights.threshold) {
    if (threshold >= 0.0f) continue;
    threshold = 0.0f;
    ++raised;
  }
  if (raised == 0) return;
  imported.notes.push_back(absl::StrCat(raised,
                                        " thresholds below 0 were set to 0, for which the library "
                                        "takes them, since its ReLU comes first"));
}

}  // namespace recsae::cli
