// Trains an SAE step by step: Adam on the loss of gradients.h.
#ifndef RECSAE_COMMON_SAE_TRAINER_H_
#define RECSAE_COMMON_SAE_TRAINER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/math/worker_pool.h"
#include "common/sae/gradients.h"
#include "common/sae/model.h"
#include "common/sae/train_config.h"

namespace recsae::sae {

// What one step saw, before its update.
struct StepStats {
  double loss = 0.0;      // as BatchLoss (gradients.h) has it
  double fvu = 0.0;       // mean ‖x − x̂‖² of the batch / variance of the data set
  double aux = 0.0;       // mean ‖e − ê‖² of the batch / the same; 0 without dead latents
  double sparsity = 0.0;  // the loss' sparsity term
  double l0 = 0.0;        // mean number of active latents per row
  int dead = 0;           // dead latents
  double gradient_norm = 0.0;  // before clipping
  double learning_rate = 0.0;
};

// Not thread-safe; uses `threads` threads inside. The same configuration, sample and rows give the
// same weights to the bit on the same machine, with any number of threads.
class Trainer {
 public:
  // Initial weights: random decoder rows of unit norm, encoder = decoder (the transpose of W_dec as
  // the field writes it), pre_bias = geometric median of the sample [sample_rows, dim], which also
  // gives the variance and the scale of the data; sample_weights [sample_rows] say how many rows
  // each of it stands for, null = one. The learning-rate schedule spans total_rows.
  //   INVALID_ARGUMENT     TRAINING_CONFIG_INVALID, SAMPLE_EMPTY, SAMPLE_NOT_FINITE
  //   FAILED_PRECONDITION  SAMPLE_CONSTANT: a sample without variance
  // This and what follows throw std::bad_alloc where memory is short (training_memory.h says how
  // much it takes); a trainer that has thrown must not be used any more.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(const TrainConfig& config, int dim,
                                                         int64_t total_rows, const float* sample,
                                                         int64_t sample_rows, int threads,
                                                         const float* sample_weights = nullptr);

  // Goes on from given weights, for fine-tuning and for comparisons: valid (Validate) and as the
  // configuration has them (latents, k, architecture, encoder bias); variance > 0 is that of the
  // normalised data. INVALID_ARGUMENT (TRAINING_CONFIG_INVALID, SAE_WEIGHTS_INVALID,
  // WEIGHTS_MISMATCH, SAMPLE_CONSTANT) else.
  static absl::StatusOr<std::unique_ptr<Trainer>> CreateFrom(const TrainConfig& config,
                                                             SaeWeights initial, double variance,
                                                             int64_t total_rows, int threads);

  // Goes on from SaveState as if there had been no break: all later weights are the same to the
  // bit. DATA_LOSS (TRAINING_STATE_DAMAGED) when the bytes are not a state of this version.
  static absl::StatusOr<std::unique_ptr<Trainer>> Restore(absl::string_view state, int threads);

  // One update from rows [n, dim], n >= 1 (usually config().batch_rows). INVALID_ARGUMENT, and
  // nothing changed: LOSS_NOT_FINITE, GRADIENT_NOT_FINITE (NaN or infinity among the rows),
  // BATCH_TOO_LARGE (more rows than could be counted, see kMaxContributions). CANCELLED
  // (STEP_STOPPED), and nothing changed either, soon after `stop`, if it is not null, has become
  // true. `row_weights` as LossConfig has them; a row is one row for dead_after_rows and
  // resample_every_rows whatever its weight.
  absl::StatusOr<StepStats> Step(const BatchRows& rows, int64_t n,
                                 const std::atomic<bool>* stop = nullptr,
                                 const float* row_weights = nullptr);

  // Weights, optimiser and counters, little-endian; appends StateBytes() bytes.
  void AppendState(std::string* state) const;
  int64_t StateBytes() const;
  std::string SaveState() const;

  const TrainConfig& config() const { return config_; }
  const SaeWeights& weights() const { return weights_; }
  int dim() const { return weights_.dim; }
  int64_t steps() const { return steps_; }
  int64_t total_steps() const { return total_steps_; }
  int64_t rows_seen() const { return rows_seen_; }
  // Whether the next step has more active latents than config().k.
  bool annealing() const { return AnnealedK(config_, steps_, total_steps_) > config_.k; }
  // Latents that none of the last dead_after_rows rows fired.
  int dead_latents() const { return static_cast<int>(dead_.size()); }

 private:
  // First and second moments of Adam, one for each parameter; those of the thresholds are of their
  // logarithms.
  struct Moments {
    std::vector<float> encoder, encoder_bias, decoder, pre_bias, threshold;
  };

  Trainer(const TrainConfig& config, int dim, int threads);
  void InitialiseWeights(const float* sample, int64_t sample_rows, const float* sample_weights);
  LossConfig Loss(const float* row_weights) const;
  absl::StatusOr<BatchLoss> ComputeGradients(const BatchRows& rows, int64_t n,
                                             const std::atomic<bool>* stop,
                                             const float* row_weights);
  math::WorkerPool& PoolFor(int64_t rows);
  double LearningRate() const;
  void Update(double learning_rate, double clip, math::WorkerPool& pool);
  void UpdateLatents(const struct math::AdamStep& step, int begin, int end);
  void UpdateThresholds(const struct math::AdamStep& step);
  void FollowBatchThreshold(float least_kept);
  void AdaptSparsityWeight(double l0);
  void CountIdleRows(int64_t n);
  void ForgetMoments(int latent);
  void FindDead();
  void ResampleDead(const float* row_weights);
  template <typename Archive, typename Self>
  static void Visit(Archive& archive, Self& self);
  template <typename Writer>
  void Write(Writer& writer) const;

  TrainConfig config_;
  double variance_ = 1.0;  // of the normalised data
  int64_t total_steps_ = 1;
  int64_t steps_ = 0;
  int64_t rows_seen_ = 0;
  double sparsity_weight_ = 0.0;  // λ, as configured or as adapted so far
  SaeWeights weights_;
  Moments first_, second_;
  std::vector<int64_t> idle_rows_;  // [F]: rows since the latent last fired

  std::vector<int32_t> dead_;  // latents with idle_rows_ >= dead_after_rows, rising
  BatchGradients gradients_;
  math::WorkerPool pool_;
  math::WorkerPool alone_{1};
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_TRAINER_H_
