// SAEs as sparsify saves them (github.com/EleutherAI/sparsify): cfg.json and sae.safetensors.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_SPARSIFY_H_
#define RECSAE_CLIENTS_CLI_FORMATS_SPARSIFY_H_

#include "absl/status/statusor.h"
#include "clients/cli/formats/sae_files.h"
#include "common/sae/model.h"

namespace recsae::cli {

inline constexpr char kSparsifyWeights[] = "sae.safetensors";

// sparsify computes, with encoder.weight and W_dec [F, d],
//   z = the k largest of ReLU(encoder.weight (x − b_dec) + encoder.bias),  x̂ = W_decᵀ z + b_dec.

// Of TOPK weights with input scale 1. INVALID_ARGUMENT (SAE_NOT_REPRESENTABLE), naming the format
// that can where one does, for the other architectures.
absl::StatusOr<SaeFiles> ToSparsify(const sae::SaeWeights& weights);

// INVALID_ARGUMENT (SAE_FILES_MALFORMED, or SAE_NOT_REPRESENTABLE with the way out): transcoders,
// skip connections, the activation function groupmax, and any other setting that is on and not
// known to leave encoding and decoding alone.
absl::StatusOr<ImportedSae> FromSparsify(const SaeFiles& files);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_SPARSIFY_H_
