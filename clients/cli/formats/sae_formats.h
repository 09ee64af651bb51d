// SAEs in and out of the file formats of other libraries.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_SAE_FORMATS_H_
#define RECSAE_CLIENTS_CLI_FORMATS_SAE_FORMATS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/formats/sae_files.h"
#include "clients/cli/formats/sae_location.h"
#include "common/sae/model.h"

namespace recsae::cli {

// NOLINTNEXTLINE(bugprone-exception-escape): see SaeFiles.
struct ExportedSae {
  SaeFiles files;
  // What the format's library computes; another architecture than the SAE's where it changes.
  sae::SaeWeights computes;
  // Whether other latents than before may be active, since the format lacks the SAE's rule.
  bool changes_rule = false;
  // What its owner should know of the conversion, a sentence each.
  std::vector<std::string> notes;
};

// An SAE that, run by the format's own library, has the latents and reconstructions that `weights`
// have, of activations in the recommender's own units. What the format has no place for goes along
// where its library passes over it, so that ImportSae restores `weights` to the bit. `about`, a
// JSON object, is for people, and has k. A format of WritableFormats. INVALID_ARGUMENT
// (SAE_NOT_REPRESENTABLE).
absl::StatusOr<ExportedSae> ExportSae(SaeFormat format, const sae::SaeWeights& weights,
                                      const nlohmann::ordered_json& about);

// The SAE that the files hold; an exported one as it was before, to the bit, unless somebody
// changed it. `input_scale`: what activations were multiplied by before they came to the SAE; 0 =
// what the files say, or 1. Errors as those of the formats.
absl::StatusOr<ImportedSae> ImportSae(SaeFormat format, const SaeFiles& files, float input_scale);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_SAE_FORMATS_H_
