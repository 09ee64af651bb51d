// A trained sparse autoencoder, ready to encode and decode.
#ifndef RECSAE_COMMON_SAE_MODEL_H_
#define RECSAE_COMMON_SAE_MODEL_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sae/codes.h"

namespace recsae::sae {

// How pre-activations become a code.
enum class CodeActivation : int32_t {
  // The k largest, those not above 0 set to 0: TopK(ReLU(pre)).
  kReluTopK = 1,
  // The k largest as they are: TopK(pre), equation (1) of the RecSAE paper.
  kTopK = 2,
};

// The parameters of an SAE as they are trained and stored. They act on normalised activations,
// x_norm = input_scale · x:
//   pre = encoder · (x_norm − pre_bias) + encoder_bias,  z = TopK(pre),  x̂_norm = decoderᵀ z +
//   pre_bias.
struct SaeWeights {
  int dim = 0;      // d, values of an activation
  int latents = 0;  // F
  int k = 0;        // active latents per row, 1..F
  CodeActivation activation = CodeActivation::kReluTopK;
  float input_scale = 1.0f;         // > 0
  std::vector<float> encoder;       // [F, d]
  std::vector<float> encoder_bias;  // [F], or empty for none
  std::vector<float> decoder;       // [F, d]; row j is the direction of latent j
  std::vector<float> pre_bias;      // [d]
};

// Sizes that fit each other, every value finite, scale above 0; else INVALID_ARGUMENT.
absl::Status Validate(const SaeWeights& weights);

// Encodes and decodes. All activations, reconstructions and directions are in the space of the
// recommender: the normalisation is folded into what is computed here. Immutable and thread-safe.
class SaeModel {
 public:
  // INVALID_ARGUMENT as Validate.
  static absl::StatusOr<SaeModel> Create(SaeWeights weights);

  int dim() const { return weights_.dim; }
  int latents() const { return weights_.latents; }
  int k() const { return weights_.k; }
  const SaeWeights& weights() const { return weights_; }

  // Pre-activations of one row x [d] to out [F].
  void PreActivations(const float* x, float* out) const;

  // The code of one row x [d]: active latents by falling value.
  std::vector<LatentActivation> Encode(const float* x) const;

  // The codes of rows [n, d]. Agrees with Encode up to the rounding of sums.
  SparseCodes EncodeBatch(const float* rows, int64_t n) const;

  // x̂ [d] of a code: sum of value · Direction(latent), plus Bias().
  void Decode(std::span<const LatentActivation> code, float* reconstruction) const;

  // What one unit of a latent adds to the activation, [d]; latent in 0..F-1.
  std::span<const float> Direction(int latent) const {
    const auto d = static_cast<size_t>(weights_.dim);
    return {directions_.data() + static_cast<size_t>(latent) * d, d};
  }

  // What the reconstruction of an empty code is, [d].
  std::span<const float> Bias() const { return bias_; }

 private:
  explicit SaeModel(SaeWeights weights);

  SaeWeights weights_;
  std::vector<float> encoder_columns_;  // [d, F]: input_scale · encoderᵀ
  std::vector<float> offset_;           // [F]: encoder_bias − encoder · pre_bias
  std::vector<float> directions_;       // [F, d]: decoder / input_scale
  std::vector<float> bias_;             // [d]: pre_bias / input_scale
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_MODEL_H_
