// How much memory training takes, before any of it is taken.
#ifndef RECSAE_COMMON_SAE_TRAINING_MEMORY_H_
#define RECSAE_COMMON_SAE_TRAINING_MEMORY_H_

#include <cstdint>

#include "common/sae/train_config.h"

namespace recsae::sae {

// Bytes that a Trainer holds at most, for activations of `dim` values and `threads` threads:
// parameters, two moments, one gradient and the packed encoder; a batch with its errors; and its
// codes, which for thresholds begin with every second latent. `config` needs no checks first; what
// does not fit is the largest int64_t.
int64_t EstimateTrainerBytes(const TrainConfig& config, int dim, int threads);

// Bytes of a training job beside the rows that it keeps: a Trainer, and the larger of a checkpoint
// on its way to disk (the trainer's state twice) and the model that it is evaluated as.
int64_t EstimateTrainingBytes(const TrainConfig& config, int dim, int threads);

// Bytes of a SaeModel, its weights included.
int64_t EstimateModelBytes(int latents, int dim);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_TRAINING_MEMORY_H_
