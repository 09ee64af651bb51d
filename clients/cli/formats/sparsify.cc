#include "clients/cli/formats/sparsify.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/math/matrix.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;
using sae::Architecture;
using sae::SaeWeights;

constexpr char kTopK[] = "topk";

// Why a setting that is on cannot be taken over.
absl::string_view ReasonAgainst(absl::string_view key) {
  if (key == "transcode") return "it predicts another vector than it reads: it is no autoencoder";
  if (key == "skip_connection") return "it adds a linear map of the activation to x^";
  if (key == "embed_skip") return "it adds a map of the model's embeddings to x^";
  if (key == "gram_lookup") return "it subtracts a table of n-grams from activations";
  if (key == "signed") return "it keeps latents by the size of their absolute value";
  return "it is not known here what that does to encoding and decoding";
}

// These matter while training alone.
bool LeavesResultsAlone(absl::string_view key) {
  return key == "normalize_decoder" || key == "normalize_encoder" || key == "multi_topk";
}

absl::Status CheckSettings(const ordered_json& config) {
  for (const char* key : {"activation", "architecture"}) {
    RECSAE_ASSIGN_OR_RETURN(const std::string name, TextIn(config, key, kTopK));
    if (name == kTopK) continue;
    return NotRepresentable(absl::StrCat("cfg.json: ", key, " is \"", name, "\"; of sparsify's, \"",
                                         kTopK, "\" alone has an architecture here"));
  }
  for (const auto& [key, value] : config.items()) {
    if (!value.is_boolean() || !value.get<bool>() || LeavesResultsAlone(key)) continue;
    return NotRepresentable(absl::StrCat("cfg.json: ", key, " is true, and ", ReasonAgainst(key),
                                         "; train an SAE without it"));
  }
  return absl::OkStatus();
}

absl::Status CheckLatents(const ordered_json& config, int64_t d, int64_t latents) {
  RECSAE_ASSIGN_OR_RETURN(const std::optional<int> said, IntIn(config, "num_latents"));
  if (said.value_or(0) > 0) return CheckSize(config, "num_latents", latents);
  RECSAE_ASSIGN_OR_RETURN(const std::optional<int> factor, IntIn(config, "expansion_factor"));
  if (!factor || *factor * d == latents) return absl::OkStatus();
  return FilesMalformed(absl::StrCat("cfg.json says expansion_factor = ", *factor, " for d_in = ",
                                     d, ", but the tensors have ", latents, " latents"));
}

absl::Status ReadTensors(const SaeFiles& files, SaeWeights& weights) {
  RECSAE_ASSIGN_OR_RETURN(const safetensors::Tensor* encoder,
                          FindTensor(files.weights, "encoder.weight", 2));
  const int64_t latents = encoder->shape[0];
  const int64_t d = encoder->shape[1];
  weights.dim = static_cast<int>(d);
  weights.latents = static_cast<int>(latents);
  weights.encoder = encoder->values;
  RECSAE_RETURN_IF_ERROR(CheckSize(files.config, "d_in", d));
  RECSAE_RETURN_IF_ERROR(CheckLatents(files.config, d, latents));
  RECSAE_ASSIGN_OR_RETURN(weights.encoder_bias,
                          ReadTensor(files.weights, "encoder.bias", {latents}));
  RECSAE_ASSIGN_OR_RETURN(weights.decoder, ReadTensor(files.weights, "W_dec", {latents, d}));
  RECSAE_ASSIGN_OR_RETURN(weights.pre_bias, ReadTensor(files.weights, "b_dec", {d}));
  return CheckKnownTensors(files.weights, {"encoder.weight", "encoder.bias", "W_dec", "b_dec"});
}

bool HasUnitRows(const SaeWeights& weights) {
  const std::vector<double> norms = math::RowNorms(weights.decoder, weights.dim);
  return std::all_of(norms.begin(), norms.end(),
                     [](double norm) { return std::abs(norm - 1.0) <= 1e-4; });
}

}  // namespace

absl::StatusOr<SaeFiles> ToSparsify(const SaeWeights& weights) {
  RECSAE_RETURN_IF_ERROR(CheckNotSigned(weights.architecture));
  if (weights.architecture != Architecture::kTopK) {
    return NotRepresentable(
        "sparsify has TopK SAEs alone, and this one encodes by thresholds; --format "
        "safetensors-saelens and dictionary-learning can hold it");
  }
  const int64_t d = weights.dim;
  const int64_t latents = weights.latents;
  SaeFiles files;
  files.config = {{"activation", kTopK},
                  // num_latents decides where it does not divide evenly.
                  {"expansion_factor", std::max<int64_t>(latents / d, 1)},
                  {"normalize_decoder", HasUnitRows(weights)},
                  {"num_latents", latents},
                  {"k", weights.k},
                  {"multi_topk", false},
                  {"skip_connection", false},
                  {"transcode", false},
                  {"d_in", d}};
  auto& tensors = files.weights.tensors;
  tensors["encoder.weight"] = {{latents, d}, weights.encoder};
  tensors["encoder.bias"] = {{latents}, weights.encoder_bias};
  tensors["W_dec"] = {{latents, d}, weights.decoder};
  tensors["b_dec"] = {{d}, weights.pre_bias};
  return files;
}

absl::StatusOr<ImportedSae> FromSparsify(const SaeFiles& files) {
  RECSAE_RETURN_IF_ERROR(CheckSettings(files.config));
  ImportedSae imported;
  imported.weights.architecture = Architecture::kTopK;
  RECSAE_RETURN_IF_ERROR(ReadTensors(files, imported.weights));
  RECSAE_ASSIGN_OR_RETURN(const std::optional<int> k, IntIn(files.config, "k"));
  RECSAE_ASSIGN_OR_RETURN(imported.weights.k, CheckK(k, imported.weights.latents));
  RECSAE_ASSIGN_OR_RETURN(const bool multi_topk, BoolIn(files.config, "multi_topk", false));
  if (multi_topk) {
    imported.notes.push_back(absl::StrCat(
        "multi_topk, a second loss while training, is left out: k = ", imported.weights.k,
        " latents are active, as in sparsify's encode()"));
  }
  return imported;
}

}  // namespace recsae::cli
