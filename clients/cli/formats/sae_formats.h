// SAEs in and out of the file formats of other libraries.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_SAE_FORMATS_H_
#define RECSAE_CLIENTS_CLI_FORMATS_SAE_FORMATS_H_

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/formats/sae_files.h"
#include "common/sae/model.h"

namespace recsae::cli {

enum class SaeFormat { kSaeLens, kSparsify };

// --format's values.
inline constexpr char kSaeLensFormat[] = "safetensors-saelens";
inline constexpr char kSparsifyFormat[] = "safetensors-sparsify";
// Of one of them.
SaeFormat ParseSaeFormat(absl::string_view name);
const char* SaeFormatName(SaeFormat format);

// The safetensors file of the format, beside cfg.json.
const char* WeightsName(SaeFormat format);

// By which file there is. NOT_FOUND (FILE_NOT_FOUND) or INVALID_ARGUMENT (SAE_FORMAT_UNCLEAR).
absl::StatusOr<SaeFormat> GuessSaeFormat(const std::string& folder);

// An SAE that, run by the format's own library, reconstructs activations as `weights` do, in the
// recommender's own units. What the format has no place for goes along where its library passes
// over it, so that ImportSae restores `weights` to the bit. `about`, a JSON object, is for people,
// and has k. INVALID_ARGUMENT (SAE_NOT_REPRESENTABLE).
absl::StatusOr<SaeFiles> ExportSae(SaeFormat format, const sae::SaeWeights& weights,
                                   const nlohmann::ordered_json& about);

// The SAE that the files hold; an exported one as it was before, to the bit, unless somebody
// changed it. `input_scale`: what activations were multiplied by before they came to the SAE; 0 =
// it does not say otherwise, or 1. Errors as FromSaeLens and FromSparsify.
absl::StatusOr<ImportedSae> ImportSae(SaeFormat format, const SaeFiles& files, float input_scale);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_SAE_FORMATS_H_
