#include "clients/cli/formats/dictionary_learning.h"

#include <algorithm>
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
using safetensors::File;

constexpr char kAutoEncoder[] = "AutoEncoder";
constexpr char kAutoEncoderNew[] = "AutoEncoderNew";
constexpr char kGated[] = "GatedAutoEncoder";
constexpr char kTopK[] = "AutoEncoderTopK";
constexpr char kBatchTopK[] = "BatchTopKSAE";
constexpr char kMatryoshka[] = "MatryoshkaBatchTopKSAE";
constexpr char kJumpRelu[] = "JumpReluAutoEncoder";
constexpr const char* kClasses[] = {kAutoEncoder, kAutoEncoderNew, kGated,   kTopK,
                                    kBatchTopK,   kMatryoshka,     kJumpRelu};

// The settings of the SAE; those of buffers and optimisers stand beside them.
const ordered_json& TrainerOf(const ordered_json& config) {
  const auto trainer = config.find("trainer");
  return trainer != config.end() && trainer->is_object() ? *trainer : config;
}

// For a file without config.json.
std::string ClassByTensors(const File& file) {
  const auto has = [&](const char* name) { return file.tensors.contains(name); };
  if (has("gate_bias")) return kGated;
  if (has("group_sizes")) return kMatryoshka;
  if (has("W_enc") && has("threshold")) return kJumpRelu;
  if (has("encoder.weight") && has("bias")) return kAutoEncoder;
  if (has("encoder.weight") && has("decoder.bias")) return kAutoEncoderNew;
  return "";
}

absl::StatusOr<std::string> ReadClass(const SaeFiles& files) {
  RECSAE_ASSIGN_OR_RETURN(std::string name, TextIn(TrainerOf(files.config), "dict_class", ""));
  if (name.empty()) name = ClassByTensors(files.weights);
  if (name.empty()) {
    return FilesMalformed(absl::StrCat(
        "nothing says which class of dictionary_learning the SAE is; put a config.json beside it "
        "with {\"trainer\": {\"dict_class\": \"",
        kTopK, "\" or \"", kBatchTopK, "\"}}"));
  }
  if (std::find(std::begin(kClasses), std::end(kClasses), name) != std::end(kClasses)) return name;
  return NotRepresentable(absl::StrCat(
      "dict_class \"", name, "\" is not read; those that are: ", kTopK, ", ", kBatchTopK, ", ",
      kMatryoshka, ", ", kJumpRelu, ", ", kGated, ", ", kAutoEncoder, ", ", kAutoEncoderNew));
}

// encoder.weight [F, d] and decoder.weight [d, F] of torch's Linear.
absl::Status ReadLinear(const File& file, SaeWeights& weights) {
  RECSAE_ASSIGN_OR_RETURN(const safetensors::Tensor* encoder,
                          FindTensor(file, "encoder.weight", 2));
  const int64_t latents = encoder->shape[0];
  const int64_t d = encoder->shape[1];
  weights.latents = static_cast<int>(latents);
  weights.dim = static_cast<int>(d);
  weights.encoder = encoder->values;
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> decoder,
                          ReadTensor(file, "decoder.weight", {d, latents}));
  weights.decoder = math::Transposed(decoder, d, latents);
  return absl::OkStatus();
}

// W_enc [d, F] and W_dec [F, d].
absl::Status ReadMatrices(const File& file, SaeWeights& weights) {
  RECSAE_ASSIGN_OR_RETURN(const safetensors::Tensor* encoder, FindTensor(file, "W_enc", 2));
  const int64_t d = encoder->shape[0];
  const int64_t latents = encoder->shape[1];
  weights.latents = static_cast<int>(latents);
  weights.dim = static_cast<int>(d);
  weights.encoder = math::Transposed(encoder->values, d, latents);
  RECSAE_ASSIGN_OR_RETURN(weights.decoder, ReadTensor(file, "W_dec", {latents, d}));
  RECSAE_ASSIGN_OR_RETURN(weights.encoder_bias, ReadTensor(file, "b_enc", {latents}));
  RECSAE_ASSIGN_OR_RETURN(weights.pre_bias, ReadTensor(file, "b_dec", {d}));
  return absl::OkStatus();
}

// k of config.json, or of the state.
absl::StatusOr<int> ReadK(const SaeFiles& files, int latents) {
  RECSAE_ASSIGN_OR_RETURN(std::optional<int> k, IntIn(TrainerOf(files.config), "k"));
  if (files.weights.tensors.contains("k")) {
    RECSAE_ASSIGN_OR_RETURN(const float of_state, ReadScalar(files.weights, "k"));
    if (k && static_cast<float>(*k) != of_state) {
      return FilesMalformed(
          absl::StrCat("config.json says k = ", *k, ", but ae.pt says ", of_state));
    }
    if (of_state >= 1 && of_state <= static_cast<float>(latents)) k = static_cast<int>(of_state);
  }
  return CheckK(k, latents);
}

// k, and for batch-topk the threshold, which is below 0 before training has set it.
absl::Status ReadRule(const SaeFiles& files, SaeWeights& weights) {
  RECSAE_ASSIGN_OR_RETURN(weights.k, ReadK(files, weights.latents));
  if (weights.architecture != Architecture::kBatchTopK) return absl::OkStatus();
  RECSAE_ASSIGN_OR_RETURN(const float threshold, ReadScalar(files.weights, "threshold"));
  weights.threshold.assign(static_cast<size_t>(weights.latents), std::max(threshold, 0.0f));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ReadAutoEncoder(const File& file, bool newer,
                                                         ImportedSae& imported) {
  SaeWeights& weights = imported.weights;
  RECSAE_RETURN_IF_ERROR(ReadLinear(file, weights));
  const std::string bias = newer ? "decoder.bias" : "bias";
  RECSAE_ASSIGN_OR_RETURN(weights.encoder_bias,
                          ReadTensor(file, "encoder.bias", {weights.latents}));
  RECSAE_ASSIGN_OR_RETURN(weights.pre_bias, ReadTensor(file, bias, {weights.dim}));
  if (newer) {
    FoldDecoderBias(imported);
  } else if (FoldDecoderNorm(weights)) {
    imported.notes.emplace_back(
        "the lengths of the decoder's rows were folded into the encoder, as dictionary_learning "
        "does when it loads the file");
  }
  return std::vector<std::string>{"encoder.weight", "encoder.bias", "decoder.weight", bias};
}

absl::StatusOr<std::vector<std::string>> ReadGated(const File& file, ImportedSae& imported) {
  SaeWeights& weights = imported.weights;
  RECSAE_RETURN_IF_ERROR(ReadLinear(file, weights));
  const int64_t latents = weights.latents;
  RECSAE_ASSIGN_OR_RETURN(weights.pre_bias, ReadTensor(file, "decoder_bias", {weights.dim}));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> r_mag, ReadTensor(file, "r_mag", {latents}));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> gate, ReadTensor(file, "gate_bias", {latents}));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> mag, ReadTensor(file, "mag_bias", {latents}));
  RECSAE_RETURN_IF_ERROR(FoldGate(r_mag, gate, mag, imported));
  return std::vector<std::string>{"encoder.weight", "decoder.weight", "decoder_bias",
                                  "r_mag",          "gate_bias",      "mag_bias"};
}

// Fills in all weights; returns the names of the tensors that it knows.
absl::StatusOr<std::vector<std::string>> ReadByClass(const SaeFiles& files, const std::string& name,
                                                     ImportedSae& imported) {
  const File& file = files.weights;
  SaeWeights& weights = imported.weights;
  if (name == kAutoEncoder || name == kAutoEncoderNew) {
    weights.architecture = Architecture::kRelu;
    return ReadAutoEncoder(file, name == kAutoEncoderNew, imported);
  }
  if (name == kGated) return ReadGated(file, imported);
  if (name == kJumpRelu) {
    weights.architecture = Architecture::kJumpRelu;
    RECSAE_RETURN_IF_ERROR(ReadMatrices(file, weights));
    RECSAE_ASSIGN_OR_RETURN(weights.threshold, ReadTensor(file, "threshold", {weights.latents}));
    FoldDecoderBias(imported);
    return std::vector<std::string>{"W_enc", "b_enc", "W_dec", "b_dec", "threshold"};
  }
  weights.architecture = name == kTopK ? Architecture::kTopK : Architecture::kBatchTopK;
  std::vector<std::string> known = {"k", "threshold", "b_dec"};
  if (name == kMatryoshka) {
    RECSAE_RETURN_IF_ERROR(ReadMatrices(file, weights));
    known.insert(known.end(), {"W_enc", "b_enc", "W_dec", "group_sizes"});
  } else {
    RECSAE_RETURN_IF_ERROR(ReadLinear(file, weights));
    RECSAE_ASSIGN_OR_RETURN(weights.encoder_bias,
                            ReadTensor(file, "encoder.bias", {weights.latents}));
    RECSAE_ASSIGN_OR_RETURN(weights.pre_bias, ReadTensor(file, "b_dec", {weights.dim}));
    known.insert(known.end(), {"encoder.weight", "encoder.bias", "decoder.weight"});
  }
  RECSAE_RETURN_IF_ERROR(ReadRule(files, weights));
  return known;
}

void WriteLinear(const SaeWeights& weights, const char* bias, File& file) {
  const int64_t d = weights.dim;
  const int64_t latents = weights.latents;
  file.tensors["encoder.weight"] = {{latents, d}, weights.encoder};
  file.tensors["encoder.bias"] = {{latents}, weights.encoder_bias};
  file.tensors["decoder.weight"] = {{d, latents}, math::Transposed(weights.decoder, latents, d)};
  file.tensors[bias] = {{d}, weights.pre_bias};
}

void WriteJumpRelu(SaeWeights weights, File& file) {
  const int64_t d = weights.dim;
  const int64_t latents = weights.latents;
  UnfoldDecoderBias(weights);
  file.tensors["W_enc"] = {{d, latents}, math::Transposed(weights.encoder, latents, d)};
  file.tensors["b_enc"] = {{latents}, weights.encoder_bias};
  file.tensors["W_dec"] = {{latents, d}, weights.decoder};
  file.tensors["b_dec"] = {{d}, weights.pre_bias};
  file.tensors["threshold"] = {{latents}, weights.threshold};
}

// Writes the tensors; returns the name of the class.
std::string WriteByArchitecture(const SaeWeights& weights, std::vector<std::string>& notes,
                                File& file) {
  if (weights.architecture == Architecture::kRelu) {
    SaeWeights unit = weights;
    if (FoldDecoderNorm(unit)) {
      notes.emplace_back(
          "decoder rows are written with length 1, as dictionary_learning's loader makes them: "
          "latents' activations are multiplied by what their lengths were");
    }
    WriteLinear(unit, "bias", file);
    return kAutoEncoder;
  }
  const bool one_threshold =
      std::all_of(weights.threshold.begin(), weights.threshold.end(),
                  [&](float threshold) { return threshold == weights.threshold[0]; });
  if (HasThreshold(weights.architecture) &&
      (weights.architecture == Architecture::kJumpRelu || !one_threshold)) {
    WriteJumpRelu(weights, file);
    return kJumpRelu;
  }
  const bool top_k = weights.architecture == Architecture::kTopK;
  WriteLinear(weights, "b_dec", file);
  file.tensors["k"] = {{}, {static_cast<float>(weights.k)}};
  // AutoEncoderTopK has one for an encoder that it does not use by itself.
  file.tensors["threshold"] = {{}, {top_k ? -1.0f : weights.threshold[0]}};
  return top_k ? kTopK : kBatchTopK;
}

}  // namespace

absl::StatusOr<SaeFiles> ToDictionaryLearning(const SaeWeights& weights,
                                              std::vector<std::string>& notes) {
  RECSAE_RETURN_IF_ERROR(CheckNotSigned(weights.architecture));
  SaeFiles files;
  const std::string name = WriteByArchitecture(weights, notes, files.weights);
  files.config = {{"trainer",
                   {{"dict_class", name},
                    {"activation_dim", weights.dim},
                    {"dict_size", weights.latents},
                    {"k", weights.k}}}};
  return files;
}

absl::StatusOr<ImportedSae> FromDictionaryLearning(const SaeFiles& files) {
  RECSAE_ASSIGN_OR_RETURN(const std::string name, ReadClass(files));
  ImportedSae imported;
  imported.facts["dict_class"] = name;
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> known, ReadByClass(files, name, imported));
  const ordered_json& trainer = TrainerOf(files.config);
  RECSAE_RETURN_IF_ERROR(CheckSize(trainer, "activation_dim", imported.weights.dim));
  RECSAE_RETURN_IF_ERROR(CheckSize(trainer, "dict_size", imported.weights.latents));
  RECSAE_RETURN_IF_ERROR(CheckKnownTensors(files.weights, known));
  RaiseThresholds(imported);
  return imported;
}

}  // namespace recsae::cli
