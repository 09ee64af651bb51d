#include "clients/cli/formats/sae_formats.h"

#include <filesystem>
#include <optional>

#include "absl/strings/str_cat.h"
#include "clients/cli/formats/sae_units.h"
#include "clients/cli/formats/saelens.h"
#include "clients/cli/formats/sparsify.h"
#include "common/base/status.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;
using sae::SaeWeights;

// Our own entry in cfg.json and in the metadata of the safetensors file.
constexpr char kOwnKey[] = "recsae";

// Where cfg.json has room for it.
constexpr char kSaeLensMetadata[] = "metadata";

// What ExportSae said about the SAE; an empty object if it was not there.
ordered_json ReadAbout(SaeFormat format, const ordered_json& config) {
  const ordered_json none = ordered_json::object();
  const ordered_json* place = &config;
  if (format == SaeFormat::kSaeLens) {
    const auto metadata = config.find(kSaeLensMetadata);
    if (metadata == config.end() || !metadata->is_object()) return none;
    place = &*metadata;
  }
  const auto about = place->find(kOwnKey);
  return about == place->end() || !about->is_object() ? none : *about;
}

// What is known of the SAE beyond what its library reads.
absl::Status ApplyOwnEntries(SaeFormat format, const SaeFiles& files, ImportedSae& imported) {
  SaeWeights& weights = imported.weights;
  if (weights.k == 0) {
    RECSAE_ASSIGN_OR_RETURN(const std::optional<int> k,
                            IntIn(ReadAbout(format, files.config), "k"));
    if (k && *k >= 1 && *k <= weights.latents) weights.k = *k;
  }
  const auto record = files.weights.metadata.find(kOwnKey);
  if (record == files.weights.metadata.end()) return absl::OkStatus();
  imported.notes.emplace_back(
      RestoreOrigin(record->second, weights)
          ? "restored to the bit as it was before its export"
          : "it was changed after its export, and is read as any other file");
  return absl::OkStatus();
}

}  // namespace

SaeFormat ParseSaeFormat(absl::string_view name) {
  return name == kSparsifyFormat ? SaeFormat::kSparsify : SaeFormat::kSaeLens;
}

const char* SaeFormatName(SaeFormat format) {
  return format == SaeFormat::kSparsify ? kSparsifyFormat : kSaeLensFormat;
}

const char* WeightsName(SaeFormat format) {
  return format == SaeFormat::kSparsify ? kSparsifyWeights : kSaeLensWeights;
}

absl::StatusOr<SaeFormat> GuessSaeFormat(const std::string& folder) {
  const auto has = [&](const char* name) {
    return std::filesystem::exists(std::filesystem::path(folder) / name);
  };
  const bool saelens = has(kSaeLensWeights);
  const bool sparsify = has(kSparsifyWeights);
  if (saelens && sparsify) {
    return Error(absl::StatusCode::kInvalidArgument, "SAE_FORMAT_UNCLEAR",
                 absl::StrCat(folder, " has both ", kSaeLensWeights, " and ", kSparsifyWeights,
                              "; say which with --format"),
                 {{"folder", folder}});
  }
  if (saelens) return SaeFormat::kSaeLens;
  if (sparsify) return SaeFormat::kSparsify;
  return Error(absl::StatusCode::kNotFound, "FILE_NOT_FOUND",
               absl::StrCat(folder, " has neither ", kSaeLensWeights, " (SAELens) nor ",
                            kSparsifyWeights, " (sparsify)"),
               {{"folder", folder}});
}

absl::StatusOr<SaeFiles> ExportSae(SaeFormat format, const SaeWeights& weights,
                                   const ordered_json& about) {
  RECSAE_ASSIGN_OR_RETURN(SaeWeights folded, InRecommenderUnits(weights));
  // Neither library encodes by pursuit; what they run is the encoder that it was trained with.
  if (folded.architecture == sae::Architecture::kPursuit) {
    folded.architecture = sae::Architecture::kTopK;
  }
  const bool saelens = format == SaeFormat::kSaeLens;
  RECSAE_ASSIGN_OR_RETURN(SaeFiles files, saelens ? ToSaeLens(folded) : ToSparsify(folded));
  (saelens ? files.config[kSaeLensMetadata] : files.config)[kOwnKey] = about;
  files.weights.metadata = {{"format", "pt"}, {kOwnKey, OriginRecord(weights)}};
  return files;
}

absl::StatusOr<ImportedSae> ImportSae(SaeFormat format, const SaeFiles& files, float input_scale) {
  RECSAE_ASSIGN_OR_RETURN(ImportedSae imported, format == SaeFormat::kSaeLens
                                                    ? FromSaeLens(files, input_scale)
                                                    : FromSparsify(files));
  imported.facts["imported_from"] = SaeFormatName(format);
  if (input_scale > 0) {
    imported.weights.input_scale = input_scale;
    return imported;
  }
  RECSAE_RETURN_IF_ERROR(ApplyOwnEntries(format, files, imported));
  return imported;
}

}  // namespace recsae::cli
