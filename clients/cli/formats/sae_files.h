// What SAE libraries save an SAE as: settings in a JSON file, and tensors by name.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_SAE_FILES_H_
#define RECSAE_CLIENTS_CLI_FORMATS_SAE_FILES_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/files/safetensors.h"
#include "common/sae/model.h"

namespace recsae::cli {

// NOLINTNEXTLINE(bugprone-exception-escape): moving a JSON value throws nothing.
struct SaeFiles {
  nlohmann::ordered_json config;  // cfg.json or config.json; an object, empty where there is none
  safetensors::File weights;      // of whatever kind of file
  // activation_scaler.json of SAELens: what activations are multiplied by; 0 = not there.
  float scaling_factor = 0;
};

// An SAE read from files.
struct ImportedSae {
  // Valid but for k, which is 0 where the files do not say it.
  sae::SaeWeights weights;
  // What the files said, for the SAE's report.
  std::map<std::string, std::string> facts;
  // What its owner should know of the conversion, a sentence each.
  std::vector<std::string> notes;
};

// INVALID_ARGUMENT: the files contradict themselves or lack something (SAE_FILES_MALFORMED), or say
// something that this suite or the format has no way to express (SAE_NOT_REPRESENTABLE).
absl::Status FilesMalformed(absl::string_view what);
absl::Status NotRepresentable(absl::string_view what);

// NotRepresentable for TOPK_SIGNED, which no format has.
absl::Status CheckNotSigned(sae::Architecture architecture);

// Fields of cfg.json. One that is absent or null is `absent`; another type is FilesMalformed. 4.0
// is the whole number 4.
absl::StatusOr<bool> BoolIn(const nlohmann::ordered_json& config, const char* key, bool absent);
absl::StatusOr<std::string> TextIn(const nlohmann::ordered_json& config, const char* key,
                                   absl::string_view absent);
absl::StatusOr<std::optional<int>> IntIn(const nlohmann::ordered_json& config, const char* key);

// FilesMalformed when cfg.json's `key` is there and another number than the tensors say.
absl::Status CheckSize(const nlohmann::ordered_json& config, const char* key, int64_t actual);

// cfg.json's k, from 1 to the number of latents.
absl::StatusOr<int> CheckK(std::optional<int> k, int latents);

// A tensor of `rank` dimensions, none of them 0 or above 2^24; FilesMalformed names those that are
// there.
absl::StatusOr<const safetensors::Tensor*> FindTensor(const safetensors::File& file,
                                                      const std::string& name, size_t rank);

// The values of a tensor that must have this shape; dimensions of 1 in front of it are passed over.
absl::StatusOr<std::vector<float>> ReadTensor(const safetensors::File& file,
                                              const std::string& name,
                                              const std::vector<int64_t>& shape);

// NotRepresentable for the first tensor that is not one of `known`.
absl::Status CheckKnownTensors(const safetensors::File& file,
                               const std::vector<std::string>& known);

// The values of a tensor that must be one number.
absl::StatusOr<float> ReadScalar(const safetensors::File& file, const std::string& name);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_SAE_FILES_H_
