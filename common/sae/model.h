// A trained sparse autoencoder, ready to encode and decode.
#ifndef RECSAE_COMMON_SAE_MODEL_H_
#define RECSAE_COMMON_SAE_MODEL_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/math/simd/packed_encoder.h"
#include "common/math/simd/screening.h"
#include "common/sae/codes.h"
#include "common/sae/pursuit.h"

namespace recsae::sae {

// How pre-activations become a code.
enum class Architecture : int32_t {
  // The k largest, those not above 0 left out: TopK(ReLU(pre)).
  kTopK = 1,
  // The k largest as they are: TopK(pre), equation (1) of the RecSAE paper.
  kTopKSigned = 2,
  // Trained to keep the k · n largest above 0 of each batch of n rows (Bussmann et al. 2024);
  // encodes with one threshold for all latents.
  kBatchTopK = 3,
  // What is above a threshold of each latent (Rajamanoharan et al. 2024).
  kJumpRelu = 4,
  // What is above 0; sparse by an L1 penalty in training.
  kRelu = 5,
  // Trained as kTopK; the encoder then proposes its kPursuitCandidates · k largest, and pursuit
  // (pursuit.h) over the decoder takes at most k of them, with least-squares values.
  kPursuit = 6,
};

// Whether somebody still wants the result: OK, or why not. Called on the caller's thread.
using Alive = absl::FunctionRef<absl::Status()>;

// More rebuild better, fewer keep to what the encoder means: see docs/sae-training.md.
inline constexpr int kPursuitCandidates = 4;

// Whether a code is made of the k largest of each row; else of what exceeds a threshold.
inline bool SelectsTopK(Architecture architecture) {
  return architecture == Architecture::kTopK || architecture == Architecture::kTopKSigned ||
         architecture == Architecture::kPursuit;
}

// Whether only pre-activations above 0 make a code.
inline bool IsPositive(Architecture architecture) {
  return architecture != Architecture::kTopKSigned;
}

// Whether SaeWeights::threshold is there.
inline bool HasThreshold(Architecture architecture) {
  return architecture == Architecture::kBatchTopK || architecture == Architecture::kJumpRelu;
}

// The parameters of an SAE as they are trained and stored. They act on normalised activations,
// x_norm = input_scale · x:
//   pre = encoder · (x_norm − pre_bias) + encoder_bias,  z = code(pre),  x̂_norm = decoderᵀ z +
//   pre_bias,
// where code keeps the k largest (SelectsTopK), or every pre_j > threshold_j (> 0 for kRelu); in
// use, kPursuit finds z from x_norm − pre_bias and the decoder instead.
struct SaeWeights {
  int dim = 0;      // d, values of an activation
  int latents = 0;  // F
  int k = 0;        // active latents per row, 1..F: at most so many (SelectsTopK), or on average
  Architecture architecture = Architecture::kTopK;
  float input_scale = 1.0f;         // > 0
  std::vector<float> encoder;       // [F, d]
  std::vector<float> encoder_bias;  // [F], or empty for none
  std::vector<float> decoder;       // [F, d]; row j is the direction of latent j
  std::vector<float> pre_bias;      // [d]
  std::vector<float> threshold;     // [F], >= 0; empty unless HasThreshold(architecture)
};

// Sizes that fit each other, every value finite, scale above 0, thresholds not below 0; else
// INVALID_ARGUMENT (SAE_WEIGHTS_INVALID).
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

  // The code of one row x [d]: active latents by falling value.
  std::vector<LatentActivation> Encode(const float* x) const;

  // The codes of rows [n, d]: those of Encode to the bit. `alive` is asked every few rows; what it
  // returns, if it is not OK, ends the work and is returned.
  SparseCodes EncodeBatch(const float* rows, int64_t n) const;
  absl::StatusOr<SparseCodes> EncodeBatch(const float* rows, int64_t n, Alive alive) const;

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
  // Room that Select needs: a code, and the pre-activations that it is made from.
  size_t ListCapacity() const {
    return static_cast<size_t>(Kept()) + static_cast<size_t>(weights_.latents);
  }
  bool Screened() const { return screening_.panels() > 0; }
  int Panels() const { return Screened() ? screening_.panels() : packed_.panels(); }
  // Latents that a row is made of, or that pursuit chooses among.
  int Kept() const;
  // Replaces the candidates in the list by the code of the row x [d]; returns its length.
  int Pursue(const float* x, LatentActivation* list, int count) const;
  // The code of a row x [d], sorted, from its pre-activations or bounds of them; returns its
  // length.
  int Select(const float* x, const float* pre, const float* maxima, LatentActivation* list) const;

  SaeWeights weights_;
  std::vector<float> encoder_;     // [F, d]: input_scale · encoder
  std::vector<float> offsets_;     // [F]: encoder_bias − encoder · pre_bias
  math::Screening screening_;      // of both, where it pays; else empty
  math::PackedEncoder packed_;     // of both, where it does not; else empty
  Pursuit pursuit_;                // over directions_, for kPursuit; else empty
  std::vector<float> directions_;  // [F, d]: decoder / input_scale
  std::vector<float> bias_;        // [d]: pre_bias / input_scale
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_MODEL_H_
