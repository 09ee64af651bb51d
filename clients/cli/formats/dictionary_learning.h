// SAEs as dictionary_learning saves them (github.com/saprmarks/dictionary_learning): ae.pt, a
// state_dict, and config.json.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_DICTIONARY_LEARNING_H_
#define RECSAE_CLIENTS_CLI_FORMATS_DICTIONARY_LEARNING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/formats/sae_files.h"
#include "common/sae/model.h"

namespace recsae::cli {

// Its classes compute, with pre = encoder.weight (x − b) + encoder.bias and x̂ = decoder.weight z +
// b,
//   AutoEncoder: z = ReLU(pre), b = bias;  AutoEncoderNew: the same of pre = encoder(x);
//   AutoEncoderTopK: the k largest of ReLU(pre), b = b_dec;
//   BatchTopKSAE, MatryoshkaBatchTopKSAE (W_enc, b_enc, W_dec): ReLU(pre) above one threshold;
//   JumpReluAutoEncoder: pre = x W_enc + b_enc where that is above threshold (and 0);
//   GatedAutoEncoder: as SAELens' "gated", b = decoder_bias.

// Of weights with input scale 1: TOPK as AutoEncoderTopK, BATCH_TOPK as BatchTopKSAE, JUMP_RELU as
// JumpReluAutoEncoder, RELU as AutoEncoder, whose loader makes decoder rows of length 1: so they
// are written. What that changes is told in `notes`. INVALID_ARGUMENT (SAE_NOT_REPRESENTABLE) for
// TOPK_SIGNED.
absl::StatusOr<SaeFiles> ToDictionaryLearning(const sae::SaeWeights& weights,
                                              std::vector<std::string>& notes);

// Which class it is stands in config.json (trainer.dict_class), or follows from the tensors where
// only one has them. INVALID_ARGUMENT (SAE_FILES_MALFORMED, SAE_NOT_REPRESENTABLE).
absl::StatusOr<ImportedSae> FromDictionaryLearning(const SaeFiles& files);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_DICTIONARY_LEARNING_H_
