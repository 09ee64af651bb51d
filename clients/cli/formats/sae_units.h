// The input scale of an SAE, folded into its weights for formats that have none, and back.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_SAE_UNITS_H_
#define RECSAE_CLIENTS_CLI_FORMATS_SAE_UNITS_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/sae/model.h"

namespace recsae::cli {

// The same SAE with input scale 1. With s the scale, it computes z / s of the codes that the SAE
// has, and with
//   pre / s = encoder (x − pre_bias / s) + encoder_bias / s,   threshold / s,
//   x̂ = decoderᵀ (z / s) + pre_bias / s
// the same reconstructions x̂ of activations x. Encoder and decoder stay as they are, bit for bit.
// INVALID_ARGUMENT (SAE_NOT_REPRESENTABLE) where a quotient is not finite.
absl::StatusOr<sae::SaeWeights> InRecommenderUnits(const sae::SaeWeights& weights);

// What InRecommenderUnits loses by rounding, and the architecture and k, as a line of text to go
// with the exported weights.
std::string OriginRecord(const sae::SaeWeights& weights);

// Undoes InRecommenderUnits to the bit. False, and `weights` stay, when the record is not the one
// of these weights: somebody changed them after the export.
bool RestoreOrigin(const std::string& record, sae::SaeWeights& weights);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_SAE_UNITS_H_
