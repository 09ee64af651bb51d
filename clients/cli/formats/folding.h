// Rules of other libraries' encoders, folded into weights that encode the same without them.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_FOLDING_H_
#define RECSAE_CLIENTS_CLI_FORMATS_FOLDING_H_

#include <vector>

#include "clients/cli/formats/sae_files.h"
#include "common/sae/model.h"

namespace recsae::cli {

// Of an encoder that reads x instead of x − b_dec:
//   pre = W_enc x + b_enc = W_enc (x − b_dec) + (b_enc + W_enc b_dec).
void FoldDecoderBias(ImportedSae& imported);
// The other way round, for a library whose encoder reads x.
void UnfoldDecoderBias(sae::SaeWeights& weights);

// Latents that are chosen by, and have, pre · ‖w_dec‖, and are divided by ‖w_dec‖ again before they
// are decoded. False, and nothing changed, where all decoder rows are of length 1.
bool FoldDecoderNorm(sae::SaeWeights& weights);

// A gated SAE: with u = W_enc (x − b_dec), z = ReLU(exp(r_mag) u + b_mag) where u + b_gate > 0. The
// weights hold W_enc, and become a JumpReLU SAE that encodes the same (Rajamanoharan et al. 2024,
// appendix): pre = exp(r_mag) u + b_mag, z = pre where pre > max(0, b_mag − exp(r_mag) b_gate).
// FilesMalformed where a result is not finite.
absl::Status FoldGate(const std::vector<float>& r_mag, const std::vector<float>& b_gate,
                      const std::vector<float>& b_mag, ImportedSae& imported);

// The k latents of largest |pre|, with their signs, as a TopK of twice as many: latent F + j has
// the negative of encoder, bias and decoder row j, and fires where latent j would be negative.
void SplitSigns(ImportedSae& imported);

// Thresholds below 0 of an encoder whose ReLU comes first.
void RaiseThresholds(ImportedSae& imported);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_FOLDING_H_
