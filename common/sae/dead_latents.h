// The auxiliary loss where few latents are dead: about half of them are at work for each row, so
// that products of small dense matrices are faster than lists of the active ones.
#ifndef RECSAE_COMMON_SAE_DEAD_LATENTS_H_
#define RECSAE_COMMON_SAE_DEAD_LATENTS_H_

#include <cstdint>
#include <vector>

#include "common/sae/model.h"

namespace recsae::sae {

// The dead latents of one batch after the other; keeps its buffers. Here a latent is its place
// among them. Reconstruct may be called by several threads for distinct rows, then Sum for distinct
// tasks.
class DeadLatents {
 public:
  // Whether this is faster than lists.
  static bool Pays(const SaeWeights& weights, int64_t dead, int aux_k) {
    return dead > 0 && IsPositive(weights.architecture) && dead <= kMostPerActive * aux_k;
  }
  // What it takes at most, with batches of so many rows.
  static double MostBytes(double latents, double dim, double aux_k, double rows);

  // For a batch of n rows; `dead` is rising, and not empty.
  void Prepare(const SaeWeights& weights, const std::vector<int32_t>& dead, int aux_k, int64_t n);

  const std::vector<int32_t>& latents() const { return latents_; }

  // Rows of the batch that follow each other.
  struct Rows {
    int64_t begin;
    int count;
    const float* centred;  // [count, d] x − pre_bias
    float* errors;         // d values for each, `stride` apart: e, the errors of all other latents
    int64_t stride;
    const float* weights;  // [count]; null = 1 each
  };
  // Encodes the rows, makes each e into weight · factor · (e − ê), the gradient at ê, and works out
  // that at the pre-activations. Returns Σ weight · ‖e − ê‖².
  double Reconstruct(const Rows& rows, float factor);

  // Sums some latents' gradients over all rows of the batch, in their order.
  int tasks() const { return (count_ + kLatentsPerSum - 1) / kLatentsPerSum; }
  void Sum(int task, const Rows& all);

  // Of the last batch: whether the latent was active for some row, and its gradients, 0 where not.
  bool active(int i) const { return active_[static_cast<size_t>(i)] != 0; }
  const float* encoder(int i) const { return &encoder_[Offset(i)]; }
  const float* decoder(int i) const { return &decoder_[Offset(i)]; }
  float bias(int i) const { return bias_[static_cast<size_t>(i)]; }

 private:
  // Dead latents for each of k_aux up to which this is faster, by measurement.
  static constexpr int64_t kMostPerActive = 4;
  static constexpr int kLatentsPerSum = 12;

  size_t Offset(int64_t i) const { return static_cast<size_t>(i) * static_cast<size_t>(dim_); }
  void Encode(const Rows& rows);
  void KeepLargest(float* code) const;

  int dim_ = 0;
  int count_ = 0;
  int width_ = 0;  // count_ filled up to whole vectors by latents that are never active
  int aux_k_ = 0;
  std::vector<int32_t> latents_;
  std::vector<float> encoder_columns_, decoder_columns_;  // [d, width]
  std::vector<float> minus_decoder_;                      // [count, d]
  std::vector<float> encoder_bias_;                       // [width]
  std::vector<float> codes_, deltas_;                     // [n, width] z', ∂loss/∂pre
  std::vector<float> encoder_, decoder_;                  // [count, d] gradients
  std::vector<float> bias_;                               // [width]
  std::vector<uint8_t> active_;
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_DEAD_LATENTS_H_
