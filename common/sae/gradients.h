// The SAE's loss on a batch and its gradients, fast.
#ifndef RECSAE_COMMON_SAE_GRADIENTS_H_
#define RECSAE_COMMON_SAE_GRADIENTS_H_

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "common/math/simd/kernels.h"
#include "common/math/worker_pool.h"
#include "common/sae/block_codes.h"
#include "common/sae/block_encoder.h"
#include "common/sae/dead_latents.h"
#include "common/sae/model.h"

namespace recsae::sae {

// Latents that one task sums or updates: the same in both, so that a thread finds what it summed in
// its cache.
inline constexpr int kLatentsPerTask = 128;

// Rows that one thread encodes at a time, of a batch of n.
int64_t RowsPerBlock(int latents, int dim, int64_t n);

// Rows of d values, one after the other or, where `at` is not null, row i at values + at[i] · d.
// Rows that lie anywhere are fetched ahead, so that they need not be copied first.
struct BatchRows {
  const float* values;
  const int64_t* at;
  // NOLINTNEXTLINE(google-explicit-constructor): rows one after the other are the usual ones.
  BatchRows(const float* from, const int64_t* places = nullptr) : values(from), at(places) {}
};

// The loss, as a mean over the rows of the batch (RecSAE, section 3.2, and what is added to it), in
// which a row with a weight counts that much:
//   (1/G) Σ_g ‖x − x̂_g‖² / variance              G prefixes of the latents (Matryoshka), or all
//   + α ‖e − ê‖² / variance                       e = x − x̂ a constant, ê = decoderᵀ z', z' the
//                                                 k_aux largest dead latents
//   + λ Σ_j z_j                                   kRelu
//   + λ (L0 / k − 1)²                             kJumpRelu, L0 the batch's mean
// Thresholds get straight-through gradients (Rajamanoharan et al. 2024, section 3): with K = 1 on
// (−1/2, 1/2), else 0, u = (pre_j − θ_j) / ε and ∂ of the first line,
//   ∂/∂θ_j = Σ_rows (∂/∂z_j) (−θ_j / ε) K(u) + 2 λ (L0 / k − 1) / k · mean_rows (−1 / ε) K(u).
struct LossConfig {
  std::vector<int> prefixes;     // rising, the last one F; empty = only F
  std::vector<int32_t> dead;     // dead latents that the auxiliary loss is to revive, rising
  int k = 0;                     // active latents per row where k is selected; 0 = the weights'
  int aux_k = 0;                 // k_aux
  double aux_weight = 0.0;       // α
  double sparsity_weight = 0.0;  // λ
  double bandwidth = 0.0;        // ε
  double variance = 1.0;         // of the normalised data set
  // [n], each > 0, for a row that stands for several; null = 1 each. The mean is over n rows
  // whatever their weights: with weights that are 1 on average over the data set, though not over a
  // batch, a batch's gradient is then an unbiased estimate of the data set's. BatchTopK keeps k on
  // average of the batch's weight.
  const float* row_weights = nullptr;
  // Takes each decoder row's own direction out of its gradient, for rows held at unit norm.
  bool project_decoder = false;
};

// Means over the rows of a batch.
struct BatchLoss {
  double fvu = 0.0;             // ‖x − x̂‖² / variance
  double reconstruction = 0.0;  // first line above; fvu without prefixes
  double aux = 0.0;             // ‖e − ê‖² / variance; 0 without dead latents
  double sparsity = 0.0;        // third or fourth line, λ included
  double loss = 0.0;
  double l0 = 0.0;                // active latents
  double squared_gradient = 0.0;  // of all parameters but the thresholds
  // kBatchTopK: the smallest value that was kept; infinite when none was.
  float least_kept = 0.0f;
};

// Works out loss and gradients of one batch after the other; keeps its buffers. Rows are cut into
// blocks by the shapes alone, and every sum is taken in the order of the rows, so results are the
// same to the bit for any number of threads. Not thread-safe.
class BatchGradients {
 public:
  // Of rows [n, d], n >= 1, as the recommender has them. Where a value is not finite the loss is
  // not either, and the gradients mean nothing. Throws Stopped soon after `stop`, if it is not
  // null, has become true.
  BatchLoss Compute(const SaeWeights& weights, const LossConfig& config, const BatchRows& rows,
                    int64_t n, math::WorkerPool& pool, const std::atomic<bool>* stop = nullptr);

  // Gradients of the last batch, [F, d] and [F]. Rows of latents that nothing contributed to
  // (has_gradient(j) is false) are 0 and not written.
  const float* encoder(int latent) const { return Row(encoder_, latent); }
  const float* decoder(int latent) const { return Row(decoder_, latent); }
  const std::vector<float>& encoder_bias() const { return encoder_bias_; }
  const std::vector<float>& pre_bias() const { return pre_bias_; }
  // ∂loss/∂threshold [F] for kJumpRelu; else empty.
  const std::vector<float>& threshold() const { return threshold_; }
  bool has_gradient(int latent) const { return has_gradient_[static_cast<size_t>(latent)] != 0; }
  // Whether the latent was active for some row.
  bool fired(int latent) const { return fired_[static_cast<size_t>(latent)] != 0; }
  // ‖x − x̂‖² of each row.
  const std::vector<float>& squared_errors() const { return squared_errors_; }
  // Normalised x − pre_bias of each row, [n, d].
  const std::vector<float>& centred() const { return centred_; }

 private:
  struct Block;

  const float* Row(const std::vector<float>& matrix, int latent) const {
    return matrix.data() + static_cast<size_t>(latent) * static_cast<size_t>(dim_);
  }
  void Prepare(const SaeWeights& weights, const LossConfig& config, int64_t n, int threads);
  void PackEncoder(const SaeWeights& weights, math::WorkerPool& pool);
  void PackDead(const SaeWeights& weights);
  void Centre(const SaeWeights& weights, const BatchRows& rows, const Block& block);
  void EncodeBlock(const SaeWeights& weights, const BatchRows& rows, int block, int worker);
  void SelectBatchTopK(const SaeWeights& weights, const BatchRows& rows, math::WorkerPool& pool);
  void EncodeAll(const SaeWeights& weights, const BatchRows& rows, math::WorkerPool& pool);
  int64_t CandidateCount() const;
  double CandidateWeight() const;
  float RowWeight(int64_t row) const { return row_weights_ != nullptr ? row_weights_[row] : 1.0f; }
  void WalkBack(const SaeWeights& weights, const LossConfig& config, int block);
  float RowGradients(const SaeWeights& weights, int64_t row, Block& block);
  void CountEntries(Block& block) const;
  void WalkBackDead(const SaeWeights& weights, int64_t row, Block& block);
  void WalkBackBand(const SaeWeights& weights, const LossConfig& config, int64_t row, Block& block);
  void CountContributions();
  void ScatterContributions(int block);
  std::span<const math::Contribution> Listed(int latent) const {
    const auto j = static_cast<size_t>(latent);
    return {contributions_.data() + starts_[j], static_cast<size_t>(starts_[j + 1] - starts_[j])};
  }
  double SumLatents(const SaeWeights& weights, bool project, int begin, int end,
                    float* pre_bias_share);
  math::LatentGradient SumLatent(const SaeWeights& weights, bool project, int latent, int dead);
  DeadLatents::Rows RowsForDead(int64_t begin, int64_t count);
  BatchLoss SumLoss(const SaeWeights& weights, const LossConfig& config);
  void FinishThresholds(const SaeWeights& weights, const LossConfig& config, double l0);

  // A run of consecutive rows that one thread works through.
  struct Block {
    int64_t begin = 0;
    int64_t rows = 0;
    BlockCodes codes;
    std::vector<float> active_delta, dead_delta;  // of each entry of the lists: ∂loss/∂pre
    std::vector<int32_t> next;     // [F] contributions so far, then where the next one goes
    std::vector<float> pre_bias;   // [d] the decoder's share of the gradient
    std::vector<float> threshold;  // [F] JumpReLU: first term of the gradient
    std::vector<float> in_band;    // [F] JumpReLU: rows near the threshold, by weight
    std::vector<float> dots;       // scratch
    std::vector<int> ends;         // scratch: where each prefix ends in a row's code
    // Sums over the rows, each by its weight.
    double squared_error = 0.0;  // ‖x − x̂‖²
    double prefix_error = 0.0;   // Σ_g ‖x − x̂_g‖² / G
    double aux_squared_error = 0.0;
    double l1 = 0.0;      // Σ_j z_j
    double active = 0.0;  // active latents
  };

  int dim_ = 0;
  int64_t rows_ = 0;
  const float* row_weights_ = nullptr;  // [n] or null, during Compute
  int slots_ = 1;  // rows of residuals_ for each row of the batch: prefixes, and aux
  std::vector<int> prefixes_;
  float factor_ = 0.0f;  // of x − x̂_g in ∂loss/∂x̂_g
  float aux_factor_ = 0.0f;
  float l1_slope_ = 0.0f;  // ∂sparsity/∂z
  EncodeOptions encode_;
  // kBatchTopK: what screens candidates, of no influence on the result, and the share by which the
  // least value kept has fallen from batch to batch of late.
  float batch_bound_ = 0.0f;
  float drop_ = 0.0f;
  float least_kept_ = 0.0f;
  // Where there are dead latents: whether they go by products instead of EncodeOptions' lists.
  bool aux_ = false;
  bool dead_products_ = false;
  DeadLatents dead_;
  PackedWeights packed_;
  std::vector<BlockEncoder> encoders_;  // one for each thread
  std::vector<Block> blocks_;
  std::vector<float> centred_;    // [n, d]
  std::vector<float> residuals_;  // [n, slots, d] ∂loss/∂(decoderᵀ z) of each slot's latents
  std::vector<float> squared_errors_;  // [n]
  std::vector<int32_t> starts_;        // [F + 1] of each latent's contributions
  std::vector<int32_t> next_;          // [F] scratch: where the next contribution goes
  std::vector<math::Contribution> contributions_;
  std::vector<float> encoder_, decoder_, encoder_bias_, pre_bias_, threshold_;
  std::vector<float> pre_bias_shares_;  // [tasks, d]
  std::vector<double> squared_shares_;  // [tasks]
  std::vector<uint8_t> fired_, has_gradient_;
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_GRADIENTS_H_
