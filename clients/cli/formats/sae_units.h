// The input scale of an SAE, folded into its weights for formats that have none, and back.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_SAE_UNITS_H_
#define RECSAE_CLIENTS_CLI_FORMATS_SAE_UNITS_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/files/safetensors.h"
#include "common/sae/model.h"

namespace recsae::cli {

// The same SAE with input scale 1. With s the scale,
//   pre = (s encoder) (x − pre_bias / s) + encoder_bias,   threshold as it is,
//   x̂ = (decoder / s)ᵀ z + pre_bias / s:
// latents z and reconstructions x̂ of activations x are those that the SAE has. Decoder rows of
// length 1 become rows of length 1 / s. INVALID_ARGUMENT (SAE_NOT_REPRESENTABLE) where a value is
// not finite.
absl::StatusOr<sae::SaeWeights> WithoutScale(const sae::SaeWeights& weights);

// What an import of the exported tensors, `exported`, loses of the SAE that they were made of:
// scale, architecture, k, and what rounding lost, as a line of text to go with the tensors.
// `imported` are the weights that the import makes of them, of the same size.
std::string OriginRecord(const sae::SaeWeights& weights, const safetensors::File& exported,
                         const sae::SaeWeights& imported);

// Gives imported weights back what the record holds, to the bit. False, and `weights` stay, when
// the record is not the one of these tensors: somebody changed them after the export.
bool RestoreOrigin(const std::string& record, const safetensors::File& exported,
                   sae::SaeWeights& weights);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_SAE_UNITS_H_
