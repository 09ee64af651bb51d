// The training step: gradients, clipping, Adam, decoder rows to unit norm, and what an architecture
// or a way to revive latents adds to it.
#include "common/sae/trainer.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/math/simd/kernels.h"
#include "common/sae/initial_decoder.h"
#include "common/sae/statistics.h"

namespace recsae::sae {
namespace {

// kRelu with an adapted λ: where it starts, and how fast it follows L0 / k (in e-folds a step).
constexpr double kFirstSparsityWeight = 1e-4;
constexpr double kSparsityRate = 0.01;
// kBatchTopK: weight of the past in the running mean of the least value kept.
constexpr double kThresholdMemory = 0.99;

template <typename... Parts>
absl::Status Invalid(absl::string_view reason, const Parts&... parts) {
  return Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat(parts...));
}

absl::Status CheckConfig(const TrainConfig& config) {
  const std::vector<ConfigViolation> violations = FindViolations(config);
  if (violations.empty()) return absl::OkStatus();
  return Invalid("TRAINING_CONFIG_INVALID", "training configuration: ", violations[0].field, " ",
                 violations[0].description);
}

int64_t StepCount(const TrainConfig& config, int64_t rows) {
  return (rows + config.batch_rows - 1) / config.batch_rows;
}

}  // namespace

Trainer::Trainer(const TrainConfig& config, int dim, int threads)
    : config_(config), pool_(threads) {
  const auto d = static_cast<size_t>(dim);
  const auto latents = static_cast<size_t>(config.latents);
  if (config_.aux_k == 0) config_.aux_k = std::max(dim / 2, 1);
  sparsity_weight_ = config_.sparsity_weight;
  if (config_.architecture == Architecture::kRelu && sparsity_weight_ == 0.0) {
    sparsity_weight_ = kFirstSparsityWeight;
  }
  weights_.dim = dim;
  weights_.latents = config.latents;
  weights_.k = config.k;
  weights_.architecture = config.architecture;
  weights_.encoder.resize(latents * d);
  weights_.encoder_bias.resize(config.encoder_bias ? latents : 0);
  weights_.decoder.resize(latents * d);
  weights_.pre_bias.resize(d);
  if (HasThreshold(config.architecture)) weights_.threshold.resize(latents);
  const size_t learned_thresholds = config.architecture == Architecture::kJumpRelu ? latents : 0;
  first_ = {std::vector<float>(latents * d), std::vector<float>(weights_.encoder_bias.size()),
            std::vector<float>(latents * d), std::vector<float>(d),
            std::vector<float>(learned_thresholds)};
  second_ = first_;
  idle_rows_.resize(latents);
}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(const TrainConfig& config, int dim,
                                                         int64_t total_rows, const float* sample,
                                                         int64_t sample_rows, int threads,
                                                         const float* sample_weights) {
  const absl::Status valid = CheckConfig(config);
  if (!valid.ok()) return valid;
  if (dim < 1 || total_rows < 1 || sample_rows < 1) {
    return Invalid("SAMPLE_EMPTY", "training an SAE on ", total_rows, " rows of ", dim, " values, ",
                   sample_rows, " of them as sample; expected at least 1 each");
  }
  const SampleStatistics statistics = ComputeStatistics(sample, sample_rows, dim, sample_weights);
  if (!std::isfinite(statistics.variance) || !std::isfinite(statistics.mean_squared_norm)) {
    return Invalid("SAMPLE_NOT_FINITE", "training an SAE: the sample holds a NaN or an infinity");
  }
  if (statistics.variance <= 0.0) {
    return Error(absl::StatusCode::kFailedPrecondition, "SAMPLE_CONSTANT",
                 absl::StrCat("training an SAE: all ", sample_rows,
                              " sampled rows are the same, so there is no "
                              "variance to explain; capture different users"));
  }
  std::unique_ptr<Trainer> trainer(new Trainer(config, dim, threads));
  if (config.normalise_inputs) {
    trainer->weights_.input_scale =
        static_cast<float>(std::sqrt(dim / statistics.mean_squared_norm));
  }
  const double scale = trainer->weights_.input_scale;
  trainer->variance_ = statistics.variance * scale * scale;
  trainer->total_steps_ = StepCount(config, total_rows);
  trainer->InitialiseWeights(sample, sample_rows, sample_weights);
  return trainer;
}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::CreateFrom(const TrainConfig& config,
                                                             SaeWeights initial, double variance,
                                                             int64_t total_rows, int threads) {
  absl::Status valid = CheckConfig(config);
  if (valid.ok()) valid = Validate(initial);
  if (!valid.ok()) return valid;
  if (initial.latents != config.latents || initial.k != config.k ||
      initial.architecture != config.architecture ||
      initial.encoder_bias.empty() == config.encoder_bias) {
    return Invalid(
        "WEIGHTS_MISMATCH",
        "training from given weights: latents, k, architecture and encoder_bias must be ",
        "those of the configuration");
  }
  if (!(variance > 0.0) || !std::isfinite(variance) || total_rows < 1) {
    return Invalid("SAMPLE_CONSTANT", "training from given weights: variance ", variance, ", ",
                   total_rows, " rows; expected both above 0");
  }
  std::unique_ptr<Trainer> trainer(new Trainer(config, initial.dim, threads));
  trainer->variance_ = variance;
  trainer->total_steps_ = StepCount(config, total_rows);
  trainer->weights_ = std::move(initial);
  return trainer;
}

void Trainer::InitialiseWeights(const float* sample, int64_t sample_rows,
                                const float* sample_weights) {
  weights_.pre_bias = GeometricMedian(sample, sample_rows, weights_.dim, sample_weights);
  FillInitialDecoder(config_, sample, sample_rows, weights_.pre_bias, weights_.decoder);
  weights_.encoder = weights_.decoder;
  for (float& value : weights_.pre_bias) value *= weights_.input_scale;
  if (config_.architecture == Architecture::kJumpRelu) {
    std::fill(weights_.threshold.begin(), weights_.threshold.end(),
              static_cast<float>(config_.initial_threshold));
  }
}

double Trainer::LearningRate() const {
  const auto total = static_cast<double>(total_steps_);
  const auto step = static_cast<double>(steps_);
  const double warmup = config_.warmup_fraction * total;
  const double decay = config_.decay_fraction * total;
  double factor = 1.0;
  if (step + 1 < warmup) factor = (step + 1) / warmup;
  if (total - step < decay) {
    const double left = std::max(total - step, 0.0) / decay;
    const bool cosine = config_.decay_shape == DecayShape::kCosine;
    factor *= cosine ? 0.5 - 0.5 * std::cos(std::numbers::pi * left) : left;
  }
  return config_.learning_rate * factor;
}

absl::StatusOr<BatchLoss> Trainer::ComputeGradients(const BatchRows& rows, int64_t n,
                                                    const std::atomic<bool>* stop,
                                                    const float* row_weights) {
  const int64_t per_row = MostLatentsPerRow(config_);
  if (n > kMaxContributions / per_row) {
    return Invalid("BATCH_TOO_LARGE", "training step ", steps_, ": ", n, " rows in which ", per_row,
                   " latents each may take part; expected at most ", kMaxContributions / per_row,
                   " rows");
  }
  try {
    return gradients_.Compute(weights_, Loss(row_weights), rows, n, PoolFor(n), stop);
  } catch (const Stopped&) {
    return Error(absl::StatusCode::kCancelled, "STEP_STOPPED",
                 absl::StrCat("training step ", steps_, " was stopped"));
  }
}

absl::StatusOr<StepStats> Trainer::Step(const BatchRows& rows, int64_t n,
                                        const std::atomic<bool>* stop, const float* row_weights) {
  RECSAE_ASSIGN_OR_RETURN(const BatchLoss loss, ComputeGradients(rows, n, stop, row_weights));
  StepStats stats;
  stats.loss = loss.loss;
  stats.fvu = loss.fvu;
  stats.aux = loss.aux;
  stats.sparsity = loss.sparsity;
  stats.l0 = loss.l0;
  stats.learning_rate = LearningRate();
  if (!std::isfinite(stats.loss)) {
    return Invalid("LOSS_NOT_FINITE", "training step ", steps_,
                   ": the loss is not finite; the rows hold a NaN or an infinity, or the learning ",
                   "rate ", config_.learning_rate, " is too high");
  }
  double squared = loss.squared_gradient;
  for (size_t j = 0; j < gradients_.threshold().size(); ++j) {
    // Of the logarithm, which is what moves.
    const double g = double{gradients_.threshold()[j]} * weights_.threshold[j];
    squared += g * g;
  }
  stats.gradient_norm = std::sqrt(squared);
  if (!std::isfinite(stats.gradient_norm)) {
    return Invalid("GRADIENT_NOT_FINITE", "training step ", steps_, ": the gradient is not finite");
  }
  const bool clipped = config_.clip_norm > 0.0 && stats.gradient_norm > config_.clip_norm;
  const int64_t rows_before = rows_seen_;
  ++steps_;
  rows_seen_ += n;
  Update(stats.learning_rate, clipped ? config_.clip_norm / stats.gradient_norm : 1.0, PoolFor(n));
  if (config_.architecture == Architecture::kBatchTopK) FollowBatchThreshold(loss.least_kept);
  if (config_.architecture == Architecture::kRelu) AdaptSparsityWeight(loss.l0);
  CountIdleRows(n);
  const int64_t every = config_.resample_every_rows;
  if (config_.revival == Revival::kResample && rows_seen_ / every != rows_before / every) {
    ResampleDead(row_weights);
  }
  stats.dead = dead_latents();
  return stats;
}

// A small step stays on one thread: with the parameters in two caches, what moves between them
// costs more than a second thread saves.
math::WorkerPool& Trainer::PoolFor(int64_t rows) {
  constexpr double kMinOperations = 8e6;
  // What Adam does for a parameter costs about as much as so many rows.
  constexpr double kAdamRows = 24;
  const double parameters = static_cast<double>(weights_.latents) * weights_.dim;
  return (static_cast<double>(rows) + kAdamRows) * parameters < kMinOperations ? alone_ : pool_;
}

LossConfig Trainer::Loss(const float* row_weights) const {
  LossConfig loss;
  loss.prefixes = config_.matryoshka_prefixes;
  if (config_.revival == Revival::kAuxLoss) loss.dead = dead_;
  loss.k = AnnealedK(config_, steps_, total_steps_);
  loss.aux_k = config_.aux_k;
  loss.aux_weight = config_.aux_weight;
  loss.sparsity_weight = sparsity_weight_;
  loss.bandwidth = config_.bandwidth;
  loss.variance = variance_;
  loss.row_weights = row_weights;
  loss.project_decoder = config_.unit_norm_decoder;
  return loss;
}

void Trainer::Update(double learning_rate, double clip, math::WorkerPool& pool) {
  const auto t = static_cast<double>(steps_);
  const math::AdamStep step{static_cast<float>(learning_rate),
                            static_cast<float>(config_.beta1),
                            static_cast<float>(config_.beta2),
                            static_cast<float>(config_.epsilon),
                            static_cast<float>(1.0 / (1.0 - std::pow(config_.beta1, t))),
                            static_cast<float>(1.0 / (1.0 - std::pow(config_.beta2, t))),
                            static_cast<float>(clip)};
  const int latents = weights_.latents;
  pool.Run((latents + kLatentsPerTask - 1) / kLatentsPerTask, [&](int task, int) {
    const int begin = task * kLatentsPerTask;
    UpdateLatents(step, begin, std::min(begin + kLatentsPerTask, latents));
  });
  math::ApplyAdam(step, gradients_.pre_bias().data(), weights_.dim, weights_.pre_bias.data(),
                  first_.pre_bias.data(), second_.pre_bias.data());
  if (config_.architecture == Architecture::kJumpRelu) UpdateThresholds(step);
}

void Trainer::UpdateLatents(const math::AdamStep& step, int begin, int end) {
  const auto d = static_cast<size_t>(weights_.dim);
  math::AdamStep decoder_step = step;
  decoder_step.learning_rate *= static_cast<float>(config_.decoder_rate);
  for (int first = begin; first < end;) {
    // A run of latents that all have a gradient, or none of them.
    const bool any = gradients_.has_gradient(first);
    int last = first + 1;
    while (last < end && gradients_.has_gradient(last) == any) ++last;
    const size_t at = static_cast<size_t>(first) * d;
    const int count = (last - first) * weights_.dim;
    math::ApplyAdam(step, any ? gradients_.encoder(first) : nullptr, count, &weights_.encoder[at],
                    &first_.encoder[at], &second_.encoder[at]);
    math::ApplyAdam(decoder_step, any ? gradients_.decoder(first) : nullptr, count,
                    &weights_.decoder[at], &first_.decoder[at], &second_.decoder[at]);
    first = last;
  }
  const auto at = static_cast<size_t>(begin);
  if (config_.encoder_bias) {
    math::ApplyAdam(step, &gradients_.encoder_bias()[at], end - begin, &weights_.encoder_bias[at],
                    &first_.encoder_bias[at], &second_.encoder_bias[at]);
  }
  if (config_.unit_norm_decoder) {
    math::NormaliseRows(&weights_.decoder[at * d], end - begin, weights_.dim);
  }
}

// Adam on log θ, so that thresholds stay above 0.
void Trainer::UpdateThresholds(const math::AdamStep& step) {
  const size_t latents = weights_.threshold.size();
  std::vector<float> gradient(latents);
  std::vector<float> change(latents);
  for (size_t j = 0; j < latents; ++j) {
    gradient[j] = gradients_.threshold()[j] * weights_.threshold[j];
  }
  math::ApplyAdam(step, gradient.data(), static_cast<int>(latents), change.data(),
                  first_.threshold.data(), second_.threshold.data());
  for (size_t j = 0; j < latents; ++j) weights_.threshold[j] *= std::exp(change[j]);
}

// The threshold that encodes single rows: the running mean of the batches' least kept values
// (Bussmann et al. 2024, section 3).
void Trainer::FollowBatchThreshold(float least_kept) {
  if (!std::isfinite(least_kept)) return;
  // The mean begins with the first batch that kept anything; a value kept is above 0.
  const bool first = steps_ == 1 || weights_.threshold[0] == 0.0f;
  const double before = first ? least_kept : weights_.threshold[0];
  const double now = kThresholdMemory * before + (1.0 - kThresholdMemory) * least_kept;
  std::fill(weights_.threshold.begin(), weights_.threshold.end(), static_cast<float>(now));
}

// More weight while too many latents are active, less while too few.
void Trainer::AdaptSparsityWeight(double l0) {
  if (config_.sparsity_weight > 0.0) return;
  const double excess = std::log(std::max(l0, 1e-3) / config_.k);
  sparsity_weight_ *= std::exp(kSparsityRate * std::clamp(excess, -1.0, 1.0));
}

void Trainer::CountIdleRows(int64_t n) {
  for (int j = 0; j < weights_.latents; ++j) {
    const auto at = static_cast<size_t>(j);
    const bool was_dead = idle_rows_[at] >= config_.dead_after_rows;
    idle_rows_[at] = gradients_.fired(j) ? 0 : idle_rows_[at] + n;
    if (!was_dead && idle_rows_[at] >= config_.dead_after_rows) ForgetMoments(j);
  }
  FindDead();
}

// A dead latent is left with the small gradients of the auxiliary loss. Measured against the large
// ones of its life, which the second moments remember for thousands of steps, they would hardly
// move it.
void Trainer::ForgetMoments(int latent) {
  const int64_t begin = static_cast<int64_t>(latent) * weights_.dim;
  for (Moments* moments : {&first_, &second_}) {
    std::fill_n(moments->encoder.begin() + begin, weights_.dim, 0.0f);
    std::fill_n(moments->decoder.begin() + begin, weights_.dim, 0.0f);
    if (config_.encoder_bias) moments->encoder_bias[latent] = 0.0f;
    if (!moments->threshold.empty()) moments->threshold[latent] = 0.0f;
  }
}

void Trainer::FindDead() {
  dead_.clear();
  for (int j = 0; j < weights_.latents; ++j) {
    if (idle_rows_[j] >= config_.dead_after_rows) dead_.push_back(j);
  }
}

// Each dead latent starts anew at a row of the batch, drawn with the probability of its squared
// loss times its weight (Bricken et al. 2023): decoder along the row, encoder the same at a fifth
// of the mean norm of the living ones, no bias, no moments.
void Trainer::ResampleDead(const float* row_weights) {
  constexpr double kEncoderShare = 0.2;
  if (dead_.empty()) return;
  const std::vector<float>& errors = gradients_.squared_errors();
  std::vector<double> cumulative(errors.size());
  double total = 0.0;
  for (size_t r = 0; r < errors.size(); ++r) {
    const double weight = row_weights != nullptr ? double{row_weights[r]} : 1.0;
    total += weight * (static_cast<double>(errors[r]) * errors[r]);
    cumulative[r] = total;
  }
  const int d = weights_.dim;
  double norms = 0.0;
  int living = 0;
  for (int j = 0; j < weights_.latents; ++j) {
    if (idle_rows_[static_cast<size_t>(j)] >= config_.dead_after_rows) continue;
    norms += std::sqrt(math::SquaredNorm(&weights_.encoder[static_cast<size_t>(j) * d], d));
    ++living;
  }
  const double encoder_norm = kEncoderShare * (living > 0 ? norms / living : 1.0);
  MersenneRandom random(config_.seed + static_cast<uint64_t>(steps_) * 0x9e3779b97f4a7c15ULL);
  for (const int32_t j : dead_) {
    const double draw = random.Uniform() * total;
    const auto drawn = std::upper_bound(cumulative.begin(), cumulative.end() - 1, draw);
    const auto row = static_cast<size_t>(drawn - cumulative.begin());
    float* decoder = &weights_.decoder[static_cast<size_t>(j) * d];
    float* encoder = &weights_.encoder[static_cast<size_t>(j) * d];
    std::copy_n(&gradients_.centred()[row * static_cast<size_t>(d)], d, decoder);
    math::NormaliseRows(decoder, 1, d);
    std::copy_n(decoder, d, encoder);
    math::Scale(static_cast<float>(encoder_norm), d, encoder);
    if (config_.encoder_bias) weights_.encoder_bias[static_cast<size_t>(j)] = 0.0f;
    if (config_.architecture == Architecture::kJumpRelu) {
      weights_.threshold[static_cast<size_t>(j)] = static_cast<float>(config_.initial_threshold);
    }
    ForgetMoments(j);
    idle_rows_[static_cast<size_t>(j)] = 0;
  }
  dead_.clear();
}

}  // namespace recsae::sae
