// The training step: shards in parallel, summed in order, clipped, Adam, decoder rows renormalised.
#include "common/sae/trainer.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "absl/strings/str_cat.h"
#include "common/sae/kernels.h"
#include "common/sae/statistics.h"

namespace recsae::sae {
namespace {

// Shards of a batch: enough to share among a few threads, few enough that adding them up is cheap.
constexpr int64_t kRowsPerShard = 512;
constexpr int64_t kMaxShards = 4;
// Latents that one task sums and updates.
constexpr int kLatentsPerTask = 128;

int ShardCount(int64_t rows) {
  return static_cast<int>(
      std::clamp((rows + kRowsPerShard - 1) / kRowsPerShard, int64_t{1}, kMaxShards));
}

// Standard normal values, the same on every platform (the standard library's are not).
class NormalSource {
 public:
  explicit NormalSource(uint64_t seed) : bits_(seed) {}
  float Next() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
    return static_cast<float>(radius * std::cos(2.0 * std::numbers::pi * Uniform()));
  }

 private:
  double Uniform() { return static_cast<double>(bits_() >> 11) * 0x1.0p-53; }
  std::mt19937_64 bits_;
};

}  // namespace

Trainer::Trainer(const TrainConfig& config, int dim, int threads)
    : config_(config), pool_(threads) {
  const auto d = static_cast<size_t>(dim);
  const auto latents = static_cast<size_t>(config.latents);
  if (config_.aux_k == 0) config_.aux_k = std::max(dim / 2, 1);
  weights_.dim = dim;
  weights_.latents = config.latents;
  weights_.k = config.k;
  weights_.architecture = config.architecture;
  weights_.encoder.resize(latents * d);
  weights_.encoder_bias.resize(config.encoder_bias ? latents : 0);
  weights_.decoder.resize(latents * d);
  weights_.pre_bias.resize(d);
  first_ = {std::vector<float>(latents * d), std::vector<float>(weights_.encoder_bias.size()),
            std::vector<float>(latents * d), std::vector<float>(d)};
  second_ = first_;
  idle_rows_.resize(latents);
}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(const TrainConfig& config, int dim,
                                                         int64_t total_rows, const float* sample,
                                                         int64_t sample_rows, int threads) {
  const std::vector<ConfigViolation> violations = FindViolations(config);
  if (!violations.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("training configuration: ", violations[0].field,
                                                   " ", violations[0].description));
  }
  if (dim < 1 || total_rows < 1 || sample_rows < 1) {
    return absl::InvalidArgumentError(absl::StrCat("training an SAE on ", total_rows, " rows of ",
                                                   dim, " values, ", sample_rows,
                                                   " of them as sample; expected at least 1 each"));
  }
  const SampleStatistics statistics = ComputeStatistics(sample, sample_rows, dim);
  if (!std::isfinite(statistics.variance) || !std::isfinite(statistics.mean_squared_norm)) {
    return absl::InvalidArgumentError("training an SAE: the sample holds a NaN or an infinity");
  }
  if (statistics.variance <= 0.0) {
    return absl::FailedPreconditionError(
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
  trainer->total_steps_ = (total_rows + config.batch_rows - 1) / config.batch_rows;
  trainer->InitialiseWeights(sample, sample_rows);
  return trainer;
}

void Trainer::InitialiseWeights(const float* sample, int64_t sample_rows) {
  NormalSource normal(config_.seed);
  const auto d = static_cast<size_t>(weights_.dim);
  for (float& value : weights_.decoder) value = normal.Next();
  for (size_t at = 0; at < weights_.decoder.size(); at += d) {
    NormaliseRow(&weights_.decoder[at], weights_.dim);
  }
  weights_.encoder = weights_.decoder;
  weights_.pre_bias = GeometricMedian(sample, sample_rows, weights_.dim);
  for (float& value : weights_.pre_bias) value *= weights_.input_scale;
}

double Trainer::LearningRate() const {
  const auto total = static_cast<double>(total_steps_);
  const auto step = static_cast<double>(steps_);
  const double warmup = config_.warmup_fraction * total;
  const double decay = config_.decay_fraction * total;
  double factor = 1.0;
  if (step + 1 < warmup) factor = (step + 1) / warmup;
  if (total - step < decay) factor = std::min(factor, std::max(total - step, 0.0) / decay);
  return config_.learning_rate * factor;
}

absl::StatusOr<StepStats> Trainer::Step(const float* rows, int64_t n) {
  ScaleRows(rows, n);
  const int shards = AccumulateShards(n);
  double squared_error = 0.0;
  double aux_squared_error = 0.0;
  int64_t active = 0;
  for (int s = 0; s < shards; ++s) {
    squared_error += shards_[s].squared_error;
    aux_squared_error += shards_[s].aux_squared_error;
    active += shards_[s].active;
  }
  const auto count = static_cast<double>(n);
  StepStats stats;
  stats.fvu = squared_error / (count * variance_);
  stats.aux = aux_squared_error / (count * variance_);
  stats.loss = stats.fvu + config_.aux_weight * stats.aux;
  stats.l0 = static_cast<double>(active) / count;
  stats.learning_rate = LearningRate();
  if (!std::isfinite(stats.loss)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "training step ", steps_, ": the loss is not finite; the rows hold a NaN or an ",
        "infinity, or the learning rate ", config_.learning_rate, " is too high"));
  }
  stats.gradient_norm = SumShards(shards);
  if (!std::isfinite(stats.gradient_norm)) {
    return absl::InvalidArgumentError(
        absl::StrCat("training step ", steps_, ": the gradient is not finite"));
  }
  const bool clipped = config_.clip_norm > 0.0 && stats.gradient_norm > config_.clip_norm;
  ++steps_;
  rows_seen_ += n;
  Update(stats.learning_rate, clipped ? config_.clip_norm / stats.gradient_norm : 1.0);
  MarkFired(shards, n);
  stats.dead = dead_latents();
  return stats;
}

void Trainer::ScaleRows(const float* rows, int64_t n) {
  scaled_.assign(rows, rows + n * weights_.dim);
  if (weights_.input_scale == 1.0f) return;
  for (float& value : scaled_) value *= weights_.input_scale;
}

int Trainer::AccumulateShards(int64_t n) {
  const int shards = ShardCount(n);
  while (static_cast<int>(shards_.size()) < shards) {
    shards_.emplace_back(weights_.dim, weights_.latents);
  }
  LossConfig loss;
  loss.aux_k = config_.aux_k;
  loss.aux_weight = static_cast<float>(config_.aux_weight);
  loss.weight = static_cast<float>(1.0 / (static_cast<double>(n) * variance_));
  static const std::vector<int32_t> kNone;
  const std::vector<int32_t>& dead = config_.aux_weight > 0.0 ? dead_ : kNone;
  const int64_t rows_per_shard = (n + shards - 1) / shards;
  pool_.Run(shards, [&](int s) {
    const int64_t begin = std::min(n, s * rows_per_shard);
    const int64_t end = std::min(n, begin + rows_per_shard);
    shards_[s].Clear();
    AccumulateGradients(weights_, loss, dead, scaled_.data() + begin * weights_.dim, end - begin,
                        shards_[s]);
  });
  return shards;
}

// Sums the shards into the first, removes what the decoder's constraint forbids, and returns the
// norm of the whole gradient.
double Trainer::SumShards(int shards) {
  const int d = weights_.dim;
  const int latents = weights_.latents;
  const int tasks = (latents + kLatentsPerTask - 1) / kLatentsPerTask;
  std::vector<double> squared(static_cast<size_t>(tasks));
  const auto sum = [&](auto member, int64_t at, int count) {
    float* parts[kMaxShards];
    for (int s = 0; s < shards; ++s) parts[s] = (shards_[s].*member).data() + at;
    SumInto(parts, shards, count);
    return parts[0];
  };
  const auto sum_latents = [&](int task) {
    const int begin = task * kLatentsPerTask;
    const int count = std::min(kLatentsPerTask, latents - begin);
    const int64_t at = static_cast<int64_t>(begin) * d;
    const float* bias = sum(&ShardGradients::encoder_bias, begin, count);
    const float* encoder = sum(&ShardGradients::encoder, at, count * d);
    float* decoder = sum(&ShardGradients::decoder, at, count * d);
    if (config_.unit_norm_decoder) {
      for (int j = 0; j < count; ++j) {
        RemoveParallel(&weights_.decoder[at + static_cast<int64_t>(j) * d], d, decoder + j * d);
      }
    }
    squared[task] = SquaredNorm(encoder, count * d);
    squared[task] += SquaredNorm(decoder, count * d);
    if (config_.encoder_bias) squared[task] += SquaredNorm(bias, count);
  };
  // A batch of one shard is a small one: waking threads would cost more than they save.
  if (shards > 1) {
    pool_.Run(tasks, sum_latents);
  } else {
    for (int task = 0; task < tasks; ++task) sum_latents(task);
  }
  sum(&ShardGradients::pre_bias, 0, d);
  FinishPreBias(weights_, shards_[0]);
  double total = SquaredNorm(shards_[0].pre_bias.data(), d);
  for (double part : squared) total += part;
  return std::sqrt(total);
}

void Trainer::Update(double learning_rate, double clip) {
  const auto t = static_cast<double>(steps_);
  const AdamStep step{static_cast<float>(learning_rate),
                      static_cast<float>(config_.beta1),
                      static_cast<float>(config_.beta2),
                      static_cast<float>(config_.epsilon),
                      static_cast<float>(1.0 / (1.0 - std::pow(config_.beta1, t))),
                      static_cast<float>(1.0 / (1.0 - std::pow(config_.beta2, t))),
                      static_cast<float>(clip)};
  const ShardGradients& gradient = shards_[0];
  const auto apply = [&step](const std::vector<float>& g, std::vector<float>& parameter,
                             std::vector<float>& m, std::vector<float>& v, int64_t at, int count) {
    ApplyAdam(step, &g[at], count, &parameter[at], &m[at], &v[at]);
  };
  const int d = weights_.dim;
  const int latents = weights_.latents;
  const int tasks = (latents + kLatentsPerTask - 1) / kLatentsPerTask;
  const auto update_latents = [&](int task) {
    const int begin = task * kLatentsPerTask;
    const int count = std::min(kLatentsPerTask, latents - begin);
    const int64_t at = static_cast<int64_t>(begin) * d;
    apply(gradient.encoder, weights_.encoder, first_.encoder, second_.encoder, at, count * d);
    apply(gradient.decoder, weights_.decoder, first_.decoder, second_.decoder, at, count * d);
    if (config_.encoder_bias) {
      apply(gradient.encoder_bias, weights_.encoder_bias, first_.encoder_bias, second_.encoder_bias,
            begin, count);
    }
    for (int j = 0; config_.unit_norm_decoder && j < count; ++j) {
      NormaliseRow(&weights_.decoder[at + static_cast<int64_t>(j) * d], d);
    }
  };
  if (scaled_.size() > static_cast<size_t>(kRowsPerShard * d)) {
    pool_.Run(tasks, update_latents);
  } else {
    for (int task = 0; task < tasks; ++task) update_latents(task);
  }
  apply(gradient.pre_bias, weights_.pre_bias, first_.pre_bias, second_.pre_bias, 0, d);
}

void Trainer::MarkFired(int shards, int64_t n) {
  for (int j = 0; j < weights_.latents; ++j) {
    bool fired = false;
    for (int s = 0; s < shards; ++s) fired = fired || shards_[s].fired[j] != 0;
    const bool was_dead = idle_rows_[j] >= config_.dead_after_rows;
    idle_rows_[j] = fired ? 0 : idle_rows_[j] + n;
    if (!was_dead && idle_rows_[j] >= config_.dead_after_rows) ForgetMoments(j);
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
  }
}

void Trainer::FindDead() {
  dead_.clear();
  for (int j = 0; j < weights_.latents; ++j) {
    if (idle_rows_[j] >= config_.dead_after_rows) dead_.push_back(j);
  }
}

}  // namespace recsae::sae
