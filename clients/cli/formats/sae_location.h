// Where the files of an SAE lie: found, read and written.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_SAE_LOCATION_H_
#define RECSAE_CLIENTS_CLI_FORMATS_SAE_LOCATION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/formats/sae_files.h"

namespace recsae::cli {

enum class SaeFormat { kSaeLens, kSparsify, kDictionaryLearning, kGemmaScope, kOpenAi };

// --format's values.
inline constexpr char kSaeLensFormat[] = "safetensors-saelens";
inline constexpr char kSparsifyFormat[] = "safetensors-sparsify";
inline constexpr char kDictionaryLearningFormat[] = "dictionary-learning";
inline constexpr char kGemmaScopeFormat[] = "gemma-scope";
inline constexpr char kOpenAiFormat[] = "openai";

// Those that are read, and of them those that are written.
const std::vector<std::string>& ReadableFormats();
const std::vector<std::string>& WritableFormats();
// Of one of them.
SaeFormat ParseSaeFormat(absl::string_view name);
const char* SaeFormatName(SaeFormat format);

// The files of a format in its folder; the first is "" where it has no settings.
const char* ConfigName(SaeFormat format);
const char* WeightsName(SaeFormat format);

struct SaeLocation {
  SaeFormat format = SaeFormat::kSaeLens;
  std::string config;   // path; "" = none
  std::string weights;  // path
};

// `path`: a folder with files of one format, a folder that has one such folder somewhere below it
// (sparsify's hookpoints, at most 4 deep), or the file of the weights. NOT_FOUND (FILE_NOT_FOUND)
// saying what is looked for, or INVALID_ARGUMENT (SAE_FORMAT_UNCLEAR) saying which there are.
absl::StatusOr<SaeLocation> FindSae(const std::string& path, std::optional<SaeFormat> format);

// NOT_FOUND (FILE_NOT_FOUND), FilesMalformed, and the errors of safetensors.h, torch_file.h and
// npy.h; each names the file.
absl::StatusOr<SaeFiles> ReadSae(const SaeLocation& location);

// Writes both files, making the folder where it is missing. ALREADY_EXISTS (FILE_EXISTS) where one
// of them is there, unless `overwrite`; INTERNAL (FILE_NOT_WRITTEN). A format of WritableFormats.
absl::Status WriteSae(const SaeFiles& files, SaeFormat format, const std::string& folder,
                      bool overwrite);

// The JSON of a file of Python's json module, which writes NaN, Infinity and -Infinity: those are
// null here. FilesMalformed for what is no object in UTF-8.
absl::StatusOr<nlohmann::ordered_json> ParseConfig(const std::string& text);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_SAE_LOCATION_H_
