// Forward and backward pass of the SAE over one shard of a batch, touching only active latents.
#ifndef RECSAE_COMMON_SAE_GRADIENTS_H_
#define RECSAE_COMMON_SAE_GRADIENTS_H_

#include <cstdint>
#include <vector>

#include "common/sae/model.h"

namespace recsae::sae {

// Loss = mean over the batch of (‖e‖² + α ‖e − ê‖²) / variance (RecSAE, section 3.2): e = x − x̂ is
// a constant in the second term, ê = decoderᵀ z' from the k_aux largest dead latents.
struct LossConfig {
  int aux_k = 0;            // k_aux
  float aux_weight = 0.0f;  // α
  float weight = 1.0f;      // 1 / (rows of the whole batch · variance)
};

// Sums over the rows of a shard. Buffers are kept between calls.
struct ShardGradients {
  ShardGradients(int dim, int latents);
  void Clear();

  std::vector<float> encoder;       // [F, d]
  std::vector<float> decoder;       // [F, d]
  std::vector<float> encoder_bias;  // [F]; kept also for models without the bias: pre_bias needs it
  std::vector<float> pre_bias;      // [d]: the decoder's share only, see FinishPreBias
  std::vector<uint8_t> fired;       // [F]: 1 when the latent was active for some row
  double squared_error = 0.0;       // sum of ‖e‖²
  double aux_squared_error = 0.0;   // sum of ‖e − ê‖²
  int64_t active = 0;               // sum of L0
};

// Adds the loss and gradients of rows [n, d] (normalised activations) to out. dead holds the dead
// latents in rising order. Thread-safe for distinct out.
void AccumulateGradients(const SaeWeights& weights, const LossConfig& loss,
                         const std::vector<int32_t>& dead, const float* rows, int64_t n,
                         ShardGradients& out);

// Adds the encoder's share to the gradient of pre_bias: −encoderᵀ · ∂loss/∂pre, summed over rows.
// Once per step, after the shards are summed.
void FinishPreBias(const SaeWeights& weights, ShardGradients& total);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_GRADIENTS_H_
