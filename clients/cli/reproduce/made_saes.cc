#include "clients/cli/reproduce/made_saes.h"

#include <algorithm>
#include <cstddef>

namespace recsae::cli {
namespace {

// Below half a unit in the last place of any weight that matters: w - lr * step == w.
constexpr double kNoLearning = 1e-30;

}  // namespace

sae::SaeWeights RawDimensions(int dim) {
  const auto d = static_cast<size_t>(dim);
  sae::SaeWeights weights;
  weights.dim = dim;
  weights.latents = dim;
  weights.k = std::max(1, dim / 2);
  weights.architecture = sae::Architecture::kRelu;
  weights.encoder.assign(d * d, 0.0f);
  for (size_t i = 0; i < d; ++i) weights.encoder[i * d + i] = 1.0f;
  weights.decoder = weights.encoder;
  weights.encoder_bias.assign(d, 0.0f);
  weights.pre_bias.assign(d, 0.0f);
  return weights;
}

trainer::v1::TrainingConfig WithoutTraining(trainer::v1::TrainingConfig config) {
  config.set_epoch_count(1);
  config.set_learning_rate(kNoLearning);
  config.set_revival(trainer::v1::TrainingConfig::REVIVAL_NONE);
  config.clear_k_aux();
  config.clear_aux_alpha();
  config.clear_resample_every_rows();
  config.clear_early_stop();
  return config;
}

}  // namespace recsae::cli
