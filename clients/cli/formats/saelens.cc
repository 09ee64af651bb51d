#include "clients/cli/formats/saelens.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/formats/folding.h"
#include "common/base/status.h"
#include "common/math/matrix.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;
using sae::Architecture;
using sae::SaeWeights;

constexpr char kTopK[] = "topk";
constexpr char kJumpRelu[] = "jumprelu";
constexpr char kStandard[] = "standard";
constexpr char kGated[] = "gated";
constexpr char kAbsTopK[] = "abstopk";

// Of any but kTopKSigned.
const char* NameOf(Architecture architecture) {
  if (architecture == Architecture::kTopK) return kTopK;
  return HasThreshold(architecture) ? kJumpRelu : kStandard;
}

absl::StatusOr<std::string> ReadArchitecture(const ordered_json& config) {
  RECSAE_ASSIGN_OR_RETURN(const std::string name, TextIn(config, "architecture", kStandard));
  // Of files from before version 6, which said so by the activation function.
  RECSAE_ASSIGN_OR_RETURN(const std::string function, TextIn(config, "activation_fn_str", ""));
  if (name == kStandard && function == kTopK) return std::string(kTopK);
  for (const char* known : {kTopK, kJumpRelu, kStandard, kGated, kAbsTopK}) {
    if (name == known) return name;
  }
  const bool training = name == "batchtopk" || name == "matryoshka_batchtopk";
  return NotRepresentable(
      absl::StrCat("architecture \"", name, "\" of SAELens ",
                   training ? "is a checkpoint of its training; save it with save_inference_model"
                            : absl::StrCat("is not read; those that are: ", kTopK, ", ", kAbsTopK,
                                           ", ", kJumpRelu, ", ", kGated, ", ", kStandard)));
}

Architecture ArchitectureOf(absl::string_view name) {
  if (name == kTopK || name == kAbsTopK) return Architecture::kTopK;
  return name == kStandard ? Architecture::kRelu : Architecture::kJumpRelu;
}

// Before version 6 the activation function could be another than the architecture's.
absl::Status CheckActivationFunction(const ordered_json& config, Architecture architecture) {
  for (const char* key : {"activation_fn", "activation_fn_str"}) {
    const char* usual = architecture == Architecture::kTopK ? kTopK : "relu";
    RECSAE_ASSIGN_OR_RETURN(const std::string name, TextIn(config, key, usual));
    if (name == usual) continue;
    return NotRepresentable(
        absl::StrCat("cfg.json: ", key, " is \"", name, "\", must be \"", usual,
                     "\" for this architecture; say in architecture what the SAE computes (", kTopK,
                     ", ", kJumpRelu, " or ", kStandard, ")"));
  }
  return absl::OkStatus();
}

// Settings that change activations by a rule that has no place in an SAE's weights.
absl::Status CheckInput(const ordered_json& config, float input_scale) {
  RECSAE_ASSIGN_OR_RETURN(const std::string reshape, TextIn(config, "reshape_activations", "none"));
  if (reshape != "none") {
    return NotRepresentable(absl::StrCat(
        "reshape_activations is \"", reshape,
        "\", but activations are single vectors here; if yours are already flat, set it to none"));
  }
  // Before version 3 it was true or false.
  const auto found = config.find("normalize_activations");
  const bool old = found != config.end() && found->is_boolean();
  std::string normalise = old && found->get<bool>() ? "expected_average_only_in" : "none";
  if (!old) {
    RECSAE_ASSIGN_OR_RETURN(normalise, TextIn(config, "normalize_activations", "none"));
  }
  if (normalise == "none") return absl::OkStatus();
  if (normalise == "expected_average_only_in") {
    if (input_scale > 0) return absl::OkStatus();
    return NotRepresentable(
        "normalize_activations is expected_average_only_in: activations are multiplied by a factor "
        "that is not among the weights; give it with --input-scale (SAELens writes it to "
        "activation_scaler.json, as scaling_factor), or fold it in with "
        "fold_activation_norm_scaling_factor and save again");
  }
  return NotRepresentable(absl::StrCat(
      "normalize_activations is \"", normalise,
      "\", which changes each activation before the SAE reads it, by a rule that no SAE's weights "
      "hold; record activations that are normalised already, and set it to none"));
}

absl::StatusOr<int> ReadK(const ordered_json& config, int latents) {
  RECSAE_ASSIGN_OR_RETURN(std::optional<int> k, IntIn(config, "k"));
  // Where it was before version 6.
  const auto arguments = config.find("activation_fn_kwargs");
  if (!k && arguments != config.end() && arguments->is_object()) {
    RECSAE_ASSIGN_OR_RETURN(k, IntIn(*arguments, "k"));
  }
  return CheckK(k, latents);
}

// Old files have a factor for each latent's activation; it was all ones unless the SAE was
// fine-tuned for it.
absl::Status CheckScalingFactor(const safetensors::File& file, int64_t latents) {
  if (file.tensors.count("scaling_factor") == 0) return absl::OkStatus();
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> factors,
                          ReadTensor(file, "scaling_factor", {latents}));
  if (std::all_of(factors.begin(), factors.end(),
                  [](float factor) { return std::abs(factor - 1.0f) <= 1e-5f; })) {
    return absl::OkStatus();
  }
  return NotRepresentable(
      "tensor scaling_factor is not all ones; multiply row j of W_dec by its value j, and save "
      "without it");
}

// The encoder's bias and threshold, or what a gated SAE has for them.
absl::Status ReadEncoderRule(const safetensors::File& file, absl::string_view architecture,
                             std::vector<std::string>& known, ImportedSae& imported) {
  SaeWeights& weights = imported.weights;
  const int64_t latents = weights.latents;
  if (architecture == kGated) {
    known.insert(known.end(), {"r_mag", "b_gate", "b_mag"});
    RECSAE_ASSIGN_OR_RETURN(const std::vector<float> r_mag, ReadTensor(file, "r_mag", {latents}));
    RECSAE_ASSIGN_OR_RETURN(const std::vector<float> b_gate, ReadTensor(file, "b_gate", {latents}));
    RECSAE_ASSIGN_OR_RETURN(const std::vector<float> b_mag, ReadTensor(file, "b_mag", {latents}));
    return FoldGate(r_mag, b_gate, b_mag, imported);
  }
  known.emplace_back("b_enc");
  RECSAE_ASSIGN_OR_RETURN(weights.encoder_bias, ReadTensor(file, "b_enc", {latents}));
  if (!HasThreshold(weights.architecture)) return absl::OkStatus();
  // A checkpoint of SAELens' training has the logarithm.
  const bool logarithm =
      file.tensors.contains("log_threshold") && !file.tensors.contains("threshold");
  known.emplace_back(logarithm ? "log_threshold" : "threshold");
  RECSAE_ASSIGN_OR_RETURN(weights.threshold, ReadTensor(file, known.back(), {latents}));
  if (!logarithm) return absl::OkStatus();
  for (float& threshold : weights.threshold) threshold = std::exp(threshold);
  imported.notes.emplace_back("thresholds are exp(log_threshold) of the file");
  return absl::OkStatus();
}

absl::Status ReadTensors(const SaeFiles& files, absl::string_view architecture,
                         ImportedSae& imported) {
  SaeWeights& weights = imported.weights;
  RECSAE_ASSIGN_OR_RETURN(const safetensors::Tensor* encoder,
                          FindTensor(files.weights, "W_enc", 2));
  const int64_t d = encoder->shape[0];
  const int64_t latents = encoder->shape[1];
  weights.dim = static_cast<int>(d);
  weights.latents = static_cast<int>(latents);
  weights.encoder = math::Transposed(encoder->values, d, latents);
  RECSAE_RETURN_IF_ERROR(CheckSize(files.config, "d_in", d));
  RECSAE_RETURN_IF_ERROR(CheckSize(files.config, "d_sae", latents));
  RECSAE_ASSIGN_OR_RETURN(weights.decoder, ReadTensor(files.weights, "W_dec", {latents, d}));
  RECSAE_ASSIGN_OR_RETURN(weights.pre_bias, ReadTensor(files.weights, "b_dec", {d}));
  std::vector<std::string> known = {"W_enc", "W_dec", "b_dec", "scaling_factor"};
  RECSAE_RETURN_IF_ERROR(ReadEncoderRule(files.weights, architecture, known, imported));
  RECSAE_RETURN_IF_ERROR(CheckScalingFactor(files.weights, latents));
  return CheckKnownTensors(files.weights, known);
}

// k and the rest that FromSaeLens needs the tensors for.
absl::Status ApplySettings(const ordered_json& config, ImportedSae& imported) {
  SaeWeights& weights = imported.weights;
  if (weights.architecture == Architecture::kTopK) {
    RECSAE_ASSIGN_OR_RETURN(weights.k, ReadK(config, weights.latents));
    RECSAE_ASSIGN_OR_RETURN(const bool rescale,
                            BoolIn(config, "rescale_acts_by_decoder_norm", false));
    if (rescale && FoldDecoderNorm(weights)) {
      imported.facts["rescale_acts_by_decoder_norm"] = "true";
      imported.notes.emplace_back(
          "the lengths of the decoder's rows were folded into the encoder, since the file has "
          "rescale_acts_by_decoder_norm true");
    }
  }
  RECSAE_ASSIGN_OR_RETURN(const bool subtract, BoolIn(config, "apply_b_dec_to_input", true));
  if (!subtract) FoldDecoderBias(imported);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SaeFiles> ToSaeLens(const SaeWeights& weights) {
  RECSAE_RETURN_IF_ERROR(CheckNotSigned(weights.architecture));
  const int64_t d = weights.dim;
  const int64_t latents = weights.latents;
  SaeFiles files;
  files.config = {
      {"architecture", NameOf(weights.architecture)},
      {"d_in", d},
      {"d_sae", latents},
      {"dtype", "float32"},
      {"device", "cpu"},
      {"apply_b_dec_to_input", true},
      {"normalize_activations", "none"},
      {"reshape_activations", "none"},
      // Without a version its loader takes the file for one of before 6.
      {"metadata", {{"sae_lens_version", "6.0.0"}, {"sae_lens_training_version", nullptr}}}};
  if (weights.architecture == Architecture::kTopK) {
    files.config["k"] = weights.k;
    files.config["rescale_acts_by_decoder_norm"] = false;
  }
  auto& tensors = files.weights.tensors;
  tensors["W_enc"] = {{d, latents}, math::Transposed(weights.encoder, latents, d)};
  tensors["b_enc"] = {{latents}, weights.encoder_bias};
  tensors["W_dec"] = {{latents, d}, weights.decoder};
  tensors["b_dec"] = {{d}, weights.pre_bias};
  if (HasThreshold(weights.architecture)) tensors["threshold"] = {{latents}, weights.threshold};
  return files;
}

absl::StatusOr<ImportedSae> FromSaeLens(const SaeFiles& files, float input_scale) {
  ImportedSae imported;
  SaeWeights& weights = imported.weights;
  RECSAE_ASSIGN_OR_RETURN(const std::string name, ReadArchitecture(files.config));
  weights.architecture = ArchitectureOf(name);
  RECSAE_RETURN_IF_ERROR(CheckActivationFunction(files.config, weights.architecture));
  RECSAE_RETURN_IF_ERROR(CheckInput(files.config, input_scale));
  RECSAE_RETURN_IF_ERROR(ReadTensors(files, name, imported));
  RECSAE_RETURN_IF_ERROR(ApplySettings(files.config, imported));
  if (name == kAbsTopK) SplitSigns(imported);
  RaiseThresholds(imported);
  return imported;
}

}  // namespace recsae::cli
