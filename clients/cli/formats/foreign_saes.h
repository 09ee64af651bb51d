// SAEs of collections that are only read: Gemma Scope's params.npz and openai's autoencoder.pt.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_FOREIGN_SAES_H_
#define RECSAE_CLIENTS_CLI_FORMATS_FOREIGN_SAES_H_

#include "absl/status/statusor.h"
#include "clients/cli/formats/sae_files.h"

namespace recsae::cli {

// Gemma Scope (Lieberum et al. 2024): with W_enc [d, F] and W_dec [F, d],
//   pre = x W_enc + b_enc,  z = ReLU(pre) where pre > threshold,  x̂ = z W_dec + b_dec.
// INVALID_ARGUMENT (SAE_FILES_MALFORMED, SAE_NOT_REPRESENTABLE).
absl::StatusOr<ImportedSae> FromGemmaScope(const SaeFiles& files);

// openai/sparse_autoencoder: a state_dict with encoder.weight [F, d], decoder.weight [d, F],
// pre_bias and latent_bias,
//   pre = encoder.weight (x − pre_bias) + latent_bias,  x̂ = decoder.weight z + pre_bias,
// where z is ReLU(pre), or with "activation" TopK the k largest of pre, those below 0 left out
// unless postact_fn is Identity. An SAE with TopK reads activations of mean 0 and length 1 per
// value; which yours must be is told in the notes. Errors as FromGemmaScope.
absl::StatusOr<ImportedSae> FromOpenAi(const SaeFiles& files);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_FOREIGN_SAES_H_
