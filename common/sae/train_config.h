// Everything that decides what an SAE becomes, beside its data.
#ifndef RECSAE_COMMON_SAE_TRAIN_CONFIG_H_
#define RECSAE_COMMON_SAE_TRAIN_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/sae/model.h"

namespace recsae::sae {

struct TrainConfig {
  int latents = 1024;  // F >= 1
  int k = 8;           // active latents per row, 1..F
  CodeActivation activation = CodeActivation::kReluTopK;
  bool encoder_bias = true;
  // Scales the inputs so that their mean squared norm is d.
  bool normalise_inputs = true;
  // Decoder rows of unit norm after every step; the gradient's component along each row is removed
  // first.
  bool unit_norm_decoder = true;

  // Auxiliary loss: weight α >= 0 (0 = off), k_aux >= 0 (0 = d/2), and the number of rows > 0 after
  // which a latent that none of them fired counts as dead.
  double aux_weight = 1.0 / 32.0;
  int aux_k = 0;
  int64_t dead_after_rows = 300'000;

  // Adam; learning rate > 0, betas in [0, 1), epsilon > 0.
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 6.25e-10;
  // Shares of all steps, each in [0, 1], sum at most 1: linear rise from 0 at the start, linear
  // fall to 0 at the end.
  double warmup_fraction = 0.05;
  double decay_fraction = 0.2;
  // Gradients are scaled down to this norm over all parameters; 0 = never.
  double clip_norm = 1.0;

  int batch_rows = 1024;  // rows per step, >= 1
  uint64_t seed = 1;      // of the initial weights

  friend bool operator==(const TrainConfig&, const TrainConfig&) = default;
};

// The default recipe: F = 16 d.
TrainConfig DefaultConfig(int dim);

// The equations and hyper-parameters of the RecSAE paper: F = 16 d, k = 8, no ReLU, no
// normalisation, learning rate 1e-4 throughout, no clipping, 16 rows a step.
TrainConfig PaperConfig(int dim);

// One thing wrong with a configuration.
struct ConfigViolation {
  std::string field;  // name of the TrainConfig member
  std::string description;
};

// All that is wrong; empty when it can be trained.
std::vector<ConfigViolation> FindViolations(const TrainConfig& config);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_TRAIN_CONFIG_H_
