// SAEs as SAELens saves them (github.com/jbloomAus/SAELens): cfg.json and sae_weights.safetensors.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_SAELENS_H_
#define RECSAE_CLIENTS_CLI_FORMATS_SAELENS_H_

#include "absl/status/statusor.h"
#include "clients/cli/formats/sae_files.h"
#include "common/sae/model.h"

namespace recsae::cli {

inline constexpr char kSaeLensWeights[] = "sae_weights.safetensors";

// SAELens computes, with W_enc [d, F] and W_dec [F, d],
//   pre = (x − b_dec) W_enc + b_enc   (x alone without apply_b_dec_to_input)
//   "topk": z = ReLU of the k largest; "jumprelu": z = ReLU(pre) where pre > threshold;
//   "standard": z = ReLU(pre);  "abstopk": z = the k of largest |pre|, with their signs;
//   "gated": z = ReLU(exp(r_mag) u + b_mag) where u + b_gate > 0, u = (x − b_dec) W_enc
//   x̂ = z W_dec + b_dec.

// Of weights with input scale 1: TOPK as "topk", BATCH_TOPK (as SAELens does itself) and JUMP_RELU
// as "jumprelu", RELU as "standard". INVALID_ARGUMENT (SAE_NOT_REPRESENTABLE) for TOPK_SIGNED.
absl::StatusOr<SaeFiles> ToSaeLens(const sae::SaeWeights& weights);

// Of SAELens 3 and later. `input_scale` is what activations were multiplied by before they came to
// the SAE; without it (0) an SAE that says so of itself (expected_average_only_in) is refused.
// Folded in (folding.h): b_dec where it is not applied to the input, rescale_acts_by_decoder_norm,
// thresholds below 0, the logarithm of thresholds, the gate of "gated", the signs of "abstopk".
// INVALID_ARGUMENT (SAE_FILES_MALFORMED, or SAE_NOT_REPRESENTABLE with the way out).
absl::StatusOr<ImportedSae> FromSaeLens(const SaeFiles& files, float input_scale);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_SAELENS_H_
