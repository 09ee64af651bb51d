// Weights as bytes, for the checkpoint.
#ifndef RECSAE_SERVICES_TRAINER_RUN_WEIGHTS_CODEC_H_
#define RECSAE_SERVICES_TRAINER_RUN_WEIGHTS_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/sae/model.h"

namespace recsae::trainer {

std::string EncodeWeights(const sae::SaeWeights& weights);

// The same weights; without an encoder bias one of zeros. DATA_LOSS (reason CHECKPOINT_DAMAGED) for
// anything that EncodeWeights did not make.
absl::StatusOr<sae::SaeWeights> DecodeWeights(absl::string_view bytes);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_WEIGHTS_CODEC_H_
