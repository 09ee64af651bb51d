#include "clients/cli/formats/sae_formats.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/formats/dictionary_learning.h"
#include "clients/cli/formats/foreign_saes.h"
#include "clients/cli/formats/sae_units.h"
#include "clients/cli/formats/saelens.h"
#include "clients/cli/formats/sparsify.h"
#include "common/base/status.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;
using sae::Architecture;
using sae::SaeWeights;

// Our own entry in the settings, and beside the tensors.
constexpr char kOwnKey[] = "recsae";

// Where SAELens' cfg.json has room for it.
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
  if (RestoreOrigin(record->second, files.weights, weights)) {
    // Whatever had to be folded on the way out is undone.
    imported.notes = {"restored to the bit as it was before its export"};
  } else {
    imported.notes.emplace_back("it was changed after its export, and is read as any other file");
  }
  return absl::OkStatus();
}

absl::StatusOr<ImportedSae> Read(SaeFormat format, const SaeFiles& files, float input_scale) {
  switch (format) {
    case SaeFormat::kSaeLens:
      return FromSaeLens(files, input_scale);
    case SaeFormat::kSparsify:
      return FromSparsify(files);
    case SaeFormat::kDictionaryLearning:
      return FromDictionaryLearning(files);
    case SaeFormat::kGemmaScope:
      return FromGemmaScope(files);
    case SaeFormat::kOpenAi:
      return FromOpenAi(files);
  }
  return FilesMalformed("no such format");
}

absl::StatusOr<SaeFiles> Write(SaeFormat format, const SaeWeights& weights,
                               std::vector<std::string>& notes) {
  if (format == SaeFormat::kSaeLens) return ToSaeLens(weights);
  if (format == SaeFormat::kSparsify) return ToSparsify(weights);
  if (format == SaeFormat::kDictionaryLearning) return ToDictionaryLearning(weights, notes);
  return NotRepresentable(absl::StrCat("SAEs are not written as ", SaeFormatName(format)));
}

// The rule by which the libraries encode, where ours is none of theirs.
void ChooseTheirRule(SaeFormat format, ExportedSae& exported) {
  SaeWeights& weights = exported.computes;
  if (weights.architecture == Architecture::kPursuit) {
    // What they run is the encoder that it was trained with.
    weights.architecture = Architecture::kTopK;
    exported.changes_rule = true;
    exported.notes.push_back(absl::StrCat(
        "a pursuit SAE is written as topk, the nearest rule that ", SaeFormatName(format),
        " has: its library takes the encoder's k largest latents, without the pursuit over the "
        "decoder, so that other latents are active and reconstructions are worse"));
  }
  if (weights.architecture == Architecture::kBatchTopK && format == SaeFormat::kSaeLens) {
    exported.notes.emplace_back(
        "batch-topk is written as jumprelu, which encodes by the same threshold: the same latents "
        "are active");
  }
}

}  // namespace

absl::StatusOr<ExportedSae> ExportSae(SaeFormat format, const SaeWeights& weights,
                                      const ordered_json& about) {
  ExportedSae exported;
  RECSAE_ASSIGN_OR_RETURN(exported.computes, WithoutScale(weights));
  ChooseTheirRule(format, exported);
  RECSAE_ASSIGN_OR_RETURN(exported.files, Write(format, exported.computes, exported.notes));
  SaeFiles& files = exported.files;
  RECSAE_ASSIGN_OR_RETURN(const ImportedSae again, Read(format, files, 1.0f));
  ordered_json& place =
      format == SaeFormat::kSaeLens ? files.config[kSaeLensMetadata] : files.config;
  place[kOwnKey] = about;
  files.weights.metadata = {{"format", "pt"},
                            {kOwnKey, OriginRecord(weights, files.weights, again.weights)}};
  return exported;
}

absl::StatusOr<ImportedSae> ImportSae(SaeFormat format, const SaeFiles& files, float input_scale) {
  const bool by_file = input_scale <= 0 && files.scaling_factor > 0;
  if (by_file) input_scale = files.scaling_factor;
  RECSAE_ASSIGN_OR_RETURN(ImportedSae imported, Read(format, files, input_scale));
  imported.facts["imported_from"] = SaeFormatName(format);
  if (input_scale > 0) {
    imported.weights.input_scale = input_scale;
    if (by_file) {
      imported.notes.push_back(absl::StrCat(
          "activations are multiplied by ", input_scale,
          " before the SAE reads them, as activation_scaler.json says; --input-scale 1 leaves "
          "that out"));
    }
    return imported;
  }
  RECSAE_RETURN_IF_ERROR(ApplyOwnEntries(format, files, imported));
  return imported;
}

}  // namespace recsae::cli
