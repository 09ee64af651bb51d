#include "clients/cli/bench/study.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/bench/checkpoint.h"
#include "clients/cli/bench/controls.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/sae/trainer.h"
#include "common/sae/training_memory.h"

namespace recsae::cli::bench {
namespace {

// Rows that training looks at before it begins: their scale, variance and middle.
constexpr int64_t kSampleRows = 8192;
// A line about a training is said each so many parts of it.
constexpr int kReports = 10;
// How long it will take is said after so many steps.
constexpr int kTimedSteps = 20;

uint64_t TrainSeed(uint64_t world_seed, uint64_t seed) { return Random::Mix(world_seed, 1, seed); }
uint64_t TestSeed(uint64_t world_seed) { return Random::Mix(world_seed, 2, 0); }

// SynthSAEBench's inner widths, 128, 512 and 2048 of 4096.
std::vector<int> BenchPrefixes(int latents) {
  std::vector<int> prefixes;
  for (const int part : {32, 8, 2}) {
    if (latents / part >= 1) prefixes.push_back(latents / part);
  }
  return prefixes;
}

absl::StatusOr<std::vector<Reading>> Read(const sae::SaeWeights& weights, const Sampler& test,
                                          const StudySettings& settings, const std::string& title,
                                          math::WorkerPool& pool, const StudyProgress& progress) {
  const auto matched = [&](int64_t done, int64_t total) {
    progress.show(absl::StrCat(title, ": matching"), "latents", done, total);
    return absl::OkStatus();
  };
  RECSAE_ASSIGN_OR_RETURN(
      const DirectionFit fit,
      FitDirections(weights.decoder, test.world().features, weights.dim, pool, matched));
  std::vector<Reading> readings;
  for (const char* rule : {"own", "pursuit"}) {
    sae::SaeWeights read = weights;
    if (rule == std::string("pursuit")) {
      if (weights.architecture == sae::Architecture::kPursuit) continue;
      read.architecture = sae::Architecture::kPursuit;
      read.threshold.clear();
    }
    progress.show(absl::StrCat(title, ": reading, ", rule), "rows", 0, settings.test_samples);
    RECSAE_ASSIGN_OR_RETURN(const sae::SaeModel model, sae::SaeModel::Create(std::move(read)));
    readings.push_back({rule, Measure(model, fit, test, 0, settings.test_samples, pool)});
  }
  return readings;
}

double Seconds(absl::Duration duration) { return absl::ToDoubleSeconds(duration); }

// One training: from the beginning, or from where a checkpoint left it.
class Training {
 public:
  Training(const World& world, const StudySettings& settings, const std::string& name,
           uint64_t seed, math::WorkerPool& pool, const StudyProgress& progress)
      : settings_(settings),
        title_(absl::StrCat(name, " seed ", seed)),
        sampler_(world, TrainSeed(settings.world_seed, seed)),
        config_(MakeConfig(settings, name, seed)),
        keeper_(settings.checkpoints, absl::StrCat(world.spec.name, "-", name, "-seed", seed),
                absl::StrCat("world ", world.spec.name, " seed ", settings.world_seed, ", ",
                             settings.train_samples, " rows")),
        pool_(pool),
        progress_(progress) {}

  absl::Status Run(Outcome& outcome) {
    RECSAE_RETURN_IF_ERROR(Begin());
    std::vector<float> rows(static_cast<size_t>(config_.batch_rows) * trainer_->dim());
    absl::Time kept = absl::Now();
    double fvu = 0.0;
    while (trainer_->rows_seen() < settings_.train_samples) {
      const int64_t first = trainer_->rows_seen();
      const int64_t n = std::min<int64_t>(config_.batch_rows, settings_.train_samples - first);
      const absl::Time begin = absl::Now();
      sampler_.Generate(first, n, pool_, rows.data(), nullptr);
      const absl::Time generated = absl::Now();
      RECSAE_ASSIGN_OR_RETURN(const sae::StepStats step, trainer_->Step(rows.data(), n));
      const absl::Time now = absl::Now();
      outcome.rows += n;
      outcome.generate_seconds += Seconds(generated - begin);
      outcome.train_seconds += Seconds(now - generated);
      fvu += (step.fvu - fvu) * (first == 0 ? 1.0 : 0.02);
      Report(first, n, step, fvu, outcome);
      if (Seconds(now - kept) > settings_.checkpoint_seconds) {
        RECSAE_RETURN_IF_ERROR(keeper_.Keep(*trainer_));
        kept = now;
      }
    }
    return outcome.rows > 0 ? keeper_.Keep(*trainer_) : absl::OkStatus();
  }

  const sae::SaeWeights& weights() const { return trainer_->weights(); }
  const std::string& title() const { return title_; }

 private:
  absl::Status Begin() {
    RECSAE_ASSIGN_OR_RETURN(trainer_, keeper_.Load(config_, settings_.threads));
    if (trainer_ != nullptr) {
      progress_.say(absl::StrCat(title_, ": goes on after ", trainer_->rows_seen(), " rows"));
      return absl::OkStatus();
    }
    RECSAE_ASSIGN_OR_RETURN(trainer_, StartTraining(sampler_, config_, settings_.train_samples,
                                                    std::min(kSampleRows, settings_.train_samples),
                                                    settings_.threads, pool_));
    // A folder that takes nothing is better known now.
    return keeper_.Keep(*trainer_);
  }

  void Report(int64_t first, int64_t n, const sae::StepStats& step, double fvu,
              const Outcome& outcome) {
    const int64_t total = settings_.train_samples;
    progress_.show(title_, "rows", first + n, total);
    if (outcome.rows == kTimedSteps * n) {
      const double seconds = outcome.generate_seconds + outcome.train_seconds;
      const double steps = static_cast<double>(total - first) / static_cast<double>(n);
      progress_.say(absl::StrCat(title_, ": about ",
                                 static_cast<int64_t>(steps * seconds / kTimedSteps),
                                 " s to go, as its first steps went"));
    }
    if ((first + n) * kReports / total == first * kReports / total) return;
    progress_.say(absl::StrCat(title_, ": ", (first + n) * 100 / total, " %, FVU ", fvu, ", L0 ",
                               step.l0, ", ", step.dead, " dead, ",
                               static_cast<int64_t>(outcome.generate_seconds), " s for rows and ",
                               static_cast<int64_t>(outcome.train_seconds), " s for ",
                               outcome.rows / config_.batch_rows, " steps"));
  }

  const StudySettings& settings_;
  const std::string title_;
  const Sampler sampler_;
  const sae::TrainConfig config_;
  const CheckpointKeeper keeper_;
  math::WorkerPool& pool_;
  const StudyProgress& progress_;
  std::unique_ptr<sae::Trainer> trainer_;
};

}  // namespace

const std::vector<std::string>& Architectures() {
  static const std::vector<std::string> names = {
      "matryoshka", "batch-topk", "topk", "topk-signed", "jump-relu", "relu", "pursuit"};
  return names;
}

const std::vector<std::string>& Controls() {
  static const std::vector<std::string> names = {"truth", "untrained", "random", "rows"};
  return names;
}

sae::TrainConfig MakeConfig(const StudySettings& settings, absl::string_view name, uint64_t seed) {
  sae::TrainConfig config;
  config.latents = settings.latents;
  config.k = settings.k;
  config.k_anneal_from = settings.k_anneal_from;
  config.k_anneal_fraction = settings.k_anneal_fraction;
  config.learning_rate = settings.learning_rate;
  config.decoder_rate = settings.decoder_rate;
  config.initial_decoder = settings.initial_decoder;
  config.warmup_fraction = settings.warmup_fraction;
  config.decay_fraction = settings.decay_fraction;
  config.clip_norm = settings.clip_norm;
  config.batch_rows = settings.batch_rows;
  config.dead_after_rows = settings.dead_after_rows;
  config.seed = seed;
  if (name == "matryoshka" || name == "batch-topk") {
    config.architecture = sae::Architecture::kBatchTopK;
    if (name == "matryoshka") {
      config.matryoshka_prefixes =
          settings.prefixes.empty() ? BenchPrefixes(settings.latents) : settings.prefixes;
    }
  } else if (name == "topk-signed") {
    config.architecture = sae::Architecture::kTopKSigned;
  } else if (name == "jump-relu") {
    config.architecture = sae::Architecture::kJumpRelu;
    config.sparsity_weight = 1.0;
  } else if (name == "relu") {
    config.architecture = sae::Architecture::kRelu;
  } else if (name == "pursuit") {
    config.architecture = sae::Architecture::kPursuit;
  }
  return config;
}

int64_t EstimateStudyBytes(const WorldSpec& spec, const StudySettings& settings) {
  // Thresholds take most: their codes begin with many latents.
  sae::TrainConfig config = MakeConfig(settings, "jump-relu", 1);
  const int64_t training = sae::EstimateTrainingBytes(config, spec.dim, settings.threads);
  const int64_t measuring = EstimateFitBytes(settings.latents, spec.features, spec.dim) +
                            2 * sae::EstimateModelBytes(settings.latents, spec.dim);
  return EstimateWorldBytes(spec) + training + measuring;
}

absl::StatusOr<Outcome> RunArchitecture(const World& world, const StudySettings& settings,
                                        const std::string& name, uint64_t seed,
                                        math::WorkerPool& pool, const StudyProgress& progress) {
  Outcome outcome;
  outcome.name = name;
  outcome.seed = seed;
  Training training(world, settings, name, seed, pool, progress);
  RECSAE_RETURN_IF_ERROR(training.Run(outcome));
  const Sampler test(world, TestSeed(settings.world_seed));
  RECSAE_ASSIGN_OR_RETURN(
      outcome.readings, Read(training.weights(), test, settings, training.title(), pool, progress));
  return outcome;
}

absl::StatusOr<Outcome> RunControl(const World& world, const StudySettings& settings,
                                   const std::string& name, uint64_t seed, math::WorkerPool& pool,
                                   const StudyProgress& progress) {
  Outcome outcome;
  outcome.name = name;
  outcome.seed = seed;
  const Sampler train(world, TrainSeed(settings.world_seed, seed));
  const sae::TrainConfig config = MakeConfig(settings, "batch-topk", seed);
  RECSAE_ASSIGN_OR_RETURN(const sae::SaeWeights weights,
                          MakeControl(name, train, config, kSampleRows, pool));
  const Sampler test(world, TestSeed(settings.world_seed));
  RECSAE_ASSIGN_OR_RETURN(outcome.readings, Read(weights, test, settings, name, pool, progress));
  return outcome;
}

}  // namespace recsae::cli::bench
