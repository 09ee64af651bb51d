// A trainer of the shape, its parts beside it, and the bare product.
#include "benchmarks/sae/step_timing.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "benchmarks/sae/bare_sgemm.h"
#include "benchmarks/sae/interleaved.h"
#include "common/base/status.h"
#include "common/math/simd/instruction_set.h"
#include "common/math/simd/kernels.h"
#include "common/sae/block_encoder.h"
#include "common/sae/gradients.h"
#include "common/sae/model.h"
#include "common/sae/statistics.h"
#include "common/sae/trainer.h"
#include "hwy/targets.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

constexpr int64_t kBatches = 8;
// Steps after which a latent that did not fire is dead, where some are to be.
constexpr int kStepsToDeath = 30;
// Encoder rows of latents held dead are made so small that they are never among the k largest, and
// the learning rate so low that they stay so; their pre-activations are above 0 for half of the
// rows, so the auxiliary loss has its work with them.
constexpr float kDeadScale = 1e-3f;
constexpr double kDeadLearningRate = 1e-7;

TrainConfig ConfigOf(const StepShape& shape) {
  TrainConfig config = DefaultConfig(shape.dim);
  config.latents = shape.latents;
  config.k = shape.k;
  if (!shape.top_k) {
    config.architecture = Architecture::kBatchTopK;
    config.matryoshka_prefixes = DefaultPrefixes(shape.latents);
  }
  config.batch_rows = shape.rows;
  config.normalise_inputs = false;
  config.warmup_fraction = 0.0;
  config.decay_fraction = 0.0;
  config.dead_after_rows = std::numeric_limits<int64_t>::max();
  if (shape.dead_share > 0.0) {
    config.dead_after_rows = int64_t{kStepsToDeath} * shape.rows;
    config.learning_rate = kDeadLearningRate;
  }
  return config;
}

// Rows for several batches, of so many directions that every latent has its turn.
std::vector<float> RowsOf(const StepShape& shape) {
  return PlantedRows(kBatches * shape.rows, shape.dim, std::max(shape.latents / 2, 1), shape.k, 1);
}

struct Start {
  TrainConfig config;
  std::vector<float> rows;
  SaeWeights weights;
  double variance = 1.0;
  std::vector<int32_t> dead;

  const float* Batch(int64_t step) const {
    return rows.data() + step % kBatches * config.batch_rows * weights.dim;
  }
};

absl::StatusOr<Start> MakeStart(const StepShape& shape) {
  Start start;
  start.config = ConfigOf(shape);
  start.rows = RowsOf(shape);
  const int64_t n = kBatches * shape.rows;
  RECSAE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Trainer> trainer,
      Trainer::Create(start.config, shape.dim, n, start.rows.data(), n, /*threads=*/1));
  start.config = trainer->config();
  start.weights = trainer->weights();
  start.variance = ComputeStatistics(start.rows.data(), n, shape.dim).variance;
  const int dead = static_cast<int>(shape.dead_share * shape.latents);
  for (int i = 0; i < dead; ++i) {
    const auto latent = static_cast<int32_t>(int64_t{i} * shape.latents / dead);
    start.dead.push_back(latent);
    float* row = &start.weights.encoder[static_cast<size_t>(latent) * shape.dim];
    for (int at = 0; at < shape.dim; ++at) row[at] *= kDeadScale;
  }
  return start;
}

// A trainer that goes round and round over the rows.
class Runner {
 public:
  static absl::StatusOr<Runner> Create(const Start& start, int threads) {
    RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer,
                            Trainer::CreateFrom(start.config, start.weights, start.variance,
                                                std::numeric_limits<int32_t>::max(), threads));
    Runner runner(start, std::move(trainer));
    if (!start.dead.empty()) {
      for (int i = 0; i <= kStepsToDeath; ++i) runner.Step();
    }
    return runner;
  }

  void Step() {
    const absl::StatusOr<StepStats> stats =
        trainer_->Step(start_->Batch(trainer_->steps()), start_->config.batch_rows);
    failed_ = failed_ || !stats.ok();
  }

  const Trainer& trainer() const { return *trainer_; }
  bool failed() const { return failed_; }

 private:
  Runner(const Start& start, std::unique_ptr<Trainer> trainer)
      : start_(&start), trainer_(std::move(trainer)) {}

  const Start* start_;
  std::unique_ptr<Trainer> trainer_;
  bool failed_ = false;
};

// The parts of a step, each on the threads of a pool of its own.
class Parts {
 public:
  Parts(const Start& start, int threads)
      : start_(start),
        pool_(threads),
        encoders_(static_cast<size_t>(threads)),
        centred_(start.rows),
        gradient_(start.weights.encoder),
        parameter_(start.weights.decoder),
        first_(gradient_.size()),
        second_(gradient_.size()) {
    const SaeWeights& weights = start.weights;
    for (size_t i = 0; i < centred_.size(); ++i) {
      centred_[i] -= weights.pre_bias[i % static_cast<size_t>(weights.dim)];
    }
    packed_.screened = math::Screening::Pays(weights.latents, weights.dim, weights.k);
    packed_.screening.Resize(packed_.screened ? weights.latents : 0, weights.dim);
    packed_.exact.Resize(packed_.screened ? 0 : weights.latents, weights.dim);
    loss_.prefixes = start.config.matryoshka_prefixes;
    loss_.aux_k = start.config.aux_k;
    loss_.aux_weight = start.config.aux_weight;
    loss_.variance = start.variance;
    loss_.project_decoder = start.config.unit_norm_decoder;
  }

  void Pack() {
    constexpr int kPanelsPerTask = 4;
    const SaeWeights& weights = start_.weights;
    const float* bias = weights.encoder_bias.data();
    pool_.Run((packed_.panels() + kPanelsPerTask - 1) / kPanelsPerTask, [&](int task, int) {
      const int first = task * kPanelsPerTask;
      const int last = std::min(first + kPanelsPerTask, packed_.panels());
      if (packed_.screened) {
        packed_.screening.Pack(weights.encoder.data(), bias, first, last);
      } else {
        packed_.exact.Pack(weights.encoder.data(), bias, first, last);
      }
    });
  }

  // After Pack.
  void Encode() {
    constexpr int64_t kRowsPerTask = 256;
    const int d = start_.weights.dim;
    const int64_t n = start_.config.batch_rows;
    const float* rows = centred_.data() + (NextBatch() - start_.rows.data());
    EncodeOptions options;
    options.k = start_.config.k;
    options.batch_bound = bound_;
    pool_.Run(static_cast<int>((n + kRowsPerTask - 1) / kRowsPerTask), [&](int task, int worker) {
      const int64_t begin = task * kRowsPerTask;
      BlockCodes codes;
      encoders_[static_cast<size_t>(worker)].Encode(start_.weights, packed_, options,
                                                    rows + begin * d,
                                                    std::min(kRowsPerTask, n - begin), codes);
    });
  }

  void Compute(bool with_dead) {
    loss_.dead = with_dead ? start_.dead : std::vector<int32_t>();
    bound_ = 0.98f *
             gradients_.Compute(start_.weights, loss_, NextBatch(), start_.config.batch_rows, pool_)
                 .least_kept;
  }

  // Encoder and decoder alike: the biases are a hundredth of them.
  void Adam() {
    constexpr int kLatentsPerTask = 128;
    const math::AdamStep step{0.0f, 0.9f, 0.999f, 1e-9f, 1.0f, 1.0f, 1.0f};
    const int d = start_.weights.dim;
    const int latents = start_.weights.latents;
    for (int matrix = 0; matrix < 2; ++matrix) {
      pool_.Run((latents + kLatentsPerTask - 1) / kLatentsPerTask, [&](int task, int) {
        const int begin = task * kLatentsPerTask;
        const int count = std::min(kLatentsPerTask, latents - begin);
        const size_t at = static_cast<size_t>(begin) * d;
        math::ApplyAdam(step, &gradient_[at], count * d, &parameter_[at], &first_[at],
                        &second_[at]);
        if (matrix == 1) math::NormaliseRows(&parameter_[at], count, d);
      });
    }
  }

 private:
  const float* NextBatch() { return start_.Batch(next_++); }

  const Start& start_;
  math::WorkerPool pool_;
  PackedWeights packed_;
  std::vector<BlockEncoder> encoders_;
  std::vector<float> centred_;
  LossConfig loss_;
  BatchGradients gradients_;
  float bound_ = 0.0f;  // of BatchTopK's candidates, about as the engine has it
  std::vector<float> gradient_, parameter_, first_, second_;
  int64_t next_ = 0;
};

double Microseconds(double seconds) { return seconds * 1e6; }

nlohmann::json Describe(const StepShape& shape) {
  return {{"rows", shape.rows},
          {"d", shape.dim},
          {"latents", shape.latents},
          {"k", shape.k},
          {"recipe", shape.top_k ? "top-k" : "default"},
          {"instruction_set", math::InstructionSet()}};
}

nlohmann::json Describe(const BareSgemm& sgemm, double seconds) {
  nlohmann::json tried;
  for (const auto& [name, tried_seconds] : sgemm.tried()) {
    tried[name] = Microseconds(tried_seconds);
  }
  return {{"blas", sgemm.name()},
          {"sgemm_us", Microseconds(seconds)},
          {"sgemm_gflops", sgemm.flops() / seconds / 1e9},
          {"sgemm_tried_us", tried}};
}

}  // namespace

absl::StatusOr<nlohmann::json> TimeStep(const StepShape& shape, double seconds) {
  RECSAE_ASSIGN_OR_RETURN(const Start start, MakeStart(shape));
  RECSAE_ASSIGN_OR_RETURN(Runner runner, Runner::Create(start, shape.threads));
  RECSAE_ASSIGN_OR_RETURN(Runner single, Runner::Create(start, 1));
  BareSgemm sgemm({shape.latents, shape.dim}, shape.rows, shape.threads);
  Parts parts(start, shape.threads);
  int64_t next = 0;
  const std::vector<Timing> timings = TimeInterleaved(
      {[&] { runner.Step(); }, [&] { sgemm.Run(start.Batch(next++)); }, [&] { single.Step(); },
       [&] { parts.Pack(); }, [&] { parts.Encode(); }, [&] { parts.Compute(false); },
       [&] { parts.Compute(true); }, [&] { parts.Adam(); }},
      seconds);
  if (runner.failed() || single.failed()) return absl::InternalError("a training step failed");
  const double step = timings[0].median;
  const double product = timings[1].median;
  const double one_thread = timings[2].median;
  const double pack = timings[3].median;
  const double encode = timings[4].median;
  const double plain = timings[5].median;
  const double with_dead = start.dead.empty() ? plain : timings[6].median;
  const double adam = timings[7].median;
  nlohmann::json result = Describe(shape);
  result.update({{"threads", shape.threads},
                 {"dead", runner.trainer().dead_latents()},
                 {"ratio", step / product},
                 {"step_us", Microseconds(step)},
                 {"parts",
                  {{"pack", pack / step},
                   {"encode", encode / step},
                   {"gradients", (plain - pack - encode) / step},
                   {"auxiliary", (with_dead - plain) / step},
                   {"adam", adam / step},
                   {"other", (step - with_dead - adam) / step}}},
                 {"speedup_over_one_thread", one_thread / step}});
  result.update(Describe(sgemm, product));
  return result;
}

absl::StatusOr<nlohmann::json> TimeEncoding(const StepShape& shape, double seconds) {
  RECSAE_ASSIGN_OR_RETURN(const Start start, MakeStart(shape));
  RECSAE_ASSIGN_OR_RETURN(const SaeModel model, SaeModel::Create(start.weights));
  BareSgemm sgemm({shape.latents, shape.dim}, shape.rows, /*threads=*/1);
  int64_t next = 0;
  int64_t row = 0;
  const std::vector<Timing> timings =
      TimeInterleaved({[&] { model.EncodeBatch(start.Batch(next++), shape.rows); },
                       [&] { sgemm.Run(start.Batch(next++)); },
                       [&] { model.Encode(start.Batch(0) + row++ % shape.rows * shape.dim); }},
                      seconds);
  nlohmann::json result = Describe(shape);
  result.update({{"threads", 1},
                 {"encode_batch_rate_share", timings[1].median / timings[0].median},
                 {"encode_batch_us", Microseconds(timings[0].median)},
                 {"encode_row_us", Microseconds(timings[2].median)}});
  result.update(Describe(sgemm, timings[1].median));
  return result;
}

absl::StatusOr<nlohmann::json> MeasureMemory(const StepShape& shape) {
  const std::vector<float> rows = RowsOf(shape);
  const int64_t n = kBatches * shape.rows;
  RECSAE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Trainer> trainer,
      Trainer::Create(ConfigOf(shape), shape.dim, n, rows.data(), n, shape.threads));
  for (int64_t step = 0; step < kBatches; ++step) {
    RECSAE_RETURN_IF_ERROR(
        trainer->Step(rows.data() + step * shape.rows * shape.dim, shape.rows).status());
  }
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const double peak = 1024.0 * static_cast<double>(usage.ru_maxrss);
  const SaeWeights& weights = trainer->weights();
  const double parameters =
      sizeof(float) * static_cast<double>(weights.encoder.size() + weights.encoder_bias.size() +
                                          weights.decoder.size() + weights.pre_bias.size());
  nlohmann::json result = Describe(shape);
  result.update({{"threads", shape.threads},
                 {"parameter_bytes", parameters},
                 {"peak_bytes", peak},
                 {"peak_memory_ratio", peak / parameters}});
  return result;
}

void StayWithAvx2() {
  hwy::DisableTargets(HWY_AVX3 | HWY_AVX3_DL);
  setenv("ONEDNN_MAX_CPU_ISA", "AVX2", /*overwrite=*/1);
  setenv("DNNL_MAX_CPU_ISA", "AVX2", /*overwrite=*/1);  // its name before oneDNN 2.5
  setenv("OPENBLAS_CORETYPE", "Haswell", /*overwrite=*/1);
}

}  // namespace recsae::sae
