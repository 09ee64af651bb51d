#include "clients/cli/formats/foreign_saes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/formats/folding.h"
#include "common/base/status.h"
#include "common/math/matrix.h"

namespace recsae::cli {
namespace {

using sae::Architecture;
using sae::SaeWeights;

// The activation function of an openai state dict.
absl::Status ReadActivation(const SaeFiles& files, SaeWeights& weights) {
  RECSAE_ASSIGN_OR_RETURN(const std::string name, TextIn(files.config, "activation", "ReLU"));
  weights.architecture = Architecture::kRelu;
  if (name == "ReLU") return absl::OkStatus();
  if (name != "TopK") {
    return NotRepresentable(
        absl::StrCat("activation \"", name, "\" is not read; those that are: TopK, ReLU"));
  }
  RECSAE_ASSIGN_OR_RETURN(const std::string after,
                          TextIn(files.config, "activation_state_dict.postact_fn", "ReLU"));
  if (after != "ReLU" && after != "Identity") {
    return NotRepresentable(absl::StrCat("postact_fn \"", after,
                                         "\" of TopK is not read; those that are: ReLU, Identity"));
  }
  weights.architecture = after == "ReLU" ? Architecture::kTopK : Architecture::kTopKSigned;
  RECSAE_ASSIGN_OR_RETURN(const std::optional<int> k,
                          IntIn(files.config, "activation_state_dict.k"));
  RECSAE_ASSIGN_OR_RETURN(weights.k, CheckK(k, weights.latents));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImportedSae> FromGemmaScope(const SaeFiles& files) {
  ImportedSae imported;
  SaeWeights& weights = imported.weights;
  weights.architecture = Architecture::kJumpRelu;
  RECSAE_ASSIGN_OR_RETURN(const safetensors::Tensor* encoder,
                          FindTensor(files.weights, "W_enc", 2));
  const int64_t d = encoder->shape[0];
  const int64_t latents = encoder->shape[1];
  weights.dim = static_cast<int>(d);
  weights.latents = static_cast<int>(latents);
  weights.encoder = math::Transposed(encoder->values, d, latents);
  RECSAE_ASSIGN_OR_RETURN(weights.encoder_bias, ReadTensor(files.weights, "b_enc", {latents}));
  RECSAE_ASSIGN_OR_RETURN(weights.decoder, ReadTensor(files.weights, "W_dec", {latents, d}));
  RECSAE_ASSIGN_OR_RETURN(weights.pre_bias, ReadTensor(files.weights, "b_dec", {d}));
  RECSAE_ASSIGN_OR_RETURN(weights.threshold, ReadTensor(files.weights, "threshold", {latents}));
  RECSAE_RETURN_IF_ERROR(
      CheckKnownTensors(files.weights, {"W_enc", "b_enc", "W_dec", "b_dec", "threshold"}));
  FoldDecoderBias(imported);
  RaiseThresholds(imported);
  return imported;
}

absl::StatusOr<ImportedSae> FromOpenAi(const SaeFiles& files) {
  ImportedSae imported;
  SaeWeights& weights = imported.weights;
  RECSAE_ASSIGN_OR_RETURN(const safetensors::Tensor* encoder,
                          FindTensor(files.weights, "encoder.weight", 2));
  const int64_t latents = encoder->shape[0];
  const int64_t d = encoder->shape[1];
  weights.dim = static_cast<int>(d);
  weights.latents = static_cast<int>(latents);
  weights.encoder = encoder->values;
  RECSAE_ASSIGN_OR_RETURN(weights.encoder_bias,
                          ReadTensor(files.weights, "latent_bias", {latents}));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> decoder,
                          ReadTensor(files.weights, "decoder.weight", {d, latents}));
  weights.decoder = math::Transposed(decoder, d, latents);
  RECSAE_ASSIGN_OR_RETURN(weights.pre_bias, ReadTensor(files.weights, "pre_bias", {d}));
  RECSAE_RETURN_IF_ERROR(ReadActivation(files, weights));
  // How long ago a latent fired while training.
  RECSAE_RETURN_IF_ERROR(CheckKnownTensors(
      files.weights,
      {"encoder.weight", "latent_bias", "decoder.weight", "pre_bias", "stats_last_nonzero"}));
  if (weights.architecture != Architecture::kRelu) {
    imported.notes.emplace_back(
        "openai's library subtracts from each activation its mean and divides it by its standard "
        "deviation before a TopK SAE reads it, which no SAE's weights can hold: this one is right "
        "for captures of activations that are normalised so already; the FVU says whether yours "
        "are");
  }
  return imported;
}

}  // namespace recsae::cli
