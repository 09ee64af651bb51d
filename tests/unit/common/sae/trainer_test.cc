#include "common/sae/trainer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/math/simd/kernels.h"
#include "common/sae/metrics.h"
#include "common/sae/reference.h"
#include "tests/unit/common/sae/trainer_testing.h"

namespace recsae::sae {
namespace {

TEST(TrainerTest, LearnsPlantedDirections) {
  const std::unique_ptr<Trainer> trainer = Create(SmallConfig(), 1);
  const double before = Evaluate(*trainer).fvu;
  Train(*trainer, 0, trainer->total_steps());
  const ReconstructionMetrics after = Evaluate(*trainer);
  EXPECT_LT(after.fvu, 0.15);
  EXPECT_LT(after.fvu, before / 4);
  EXPECT_LE(after.l0, 4.0);
  EXPECT_LT(after.dead_fraction, 0.2);
}

TEST(TrainerTest, PaperPresetLearns) {
  TrainConfig config = PaperConfig(kDim);
  config.latents = 64;
  config.k = 4;
  config.learning_rate = 1e-3;
  const std::unique_ptr<Trainer> trainer = Create(config, 1, 3);
  const double before = Evaluate(*trainer).fvu;
  Train(*trainer, 0, trainer->total_steps());
  EXPECT_LT(Evaluate(*trainer).fvu, before / 2);
  EXPECT_DOUBLE_EQ(Evaluate(*trainer).l0, 4.0);
}

// The batch statistics that Step reports, against the model that it reports on.
TEST(TrainerTest, StepReportsFvuOfItsBatch) {
  TrainConfig config = SmallConfig();
  config.batch_rows = kRows;
  const std::unique_ptr<Trainer> trainer = Create(config, 2);
  const ReconstructionMetrics expected = Evaluate(*trainer);
  const StepStats stats = Train(*trainer, 0, 1);
  EXPECT_NEAR(stats.fvu, expected.fvu, 1e-4);
  EXPECT_NEAR(stats.l0, expected.l0, 1e-3);
}

TEST(TrainerTest, DecoderRowsKeepUnitNorm) {
  const std::unique_ptr<Trainer> trainer = Create(SmallConfig(), 1);
  Train(*trainer, 0, 10);
  for (int j = 0; j < trainer->weights().latents; ++j) {
    EXPECT_NEAR(math::SquaredNorm(&trainer->weights().decoder[j * kDim], kDim), 1.0, 1e-5);
  }
}

TEST(TrainerTest, SameSeedSameBitsOnAnyNumberOfThreads) {
  for (int batch : {16, 256, 2048}) {
    TrainConfig config = SmallConfig();
    config.batch_rows = batch;
    config.latents = 512;  // the largest batch is worth several threads
    const std::unique_ptr<Trainer> one = Create(config, 1);
    Train(*one, 0, 12);
    for (int threads : {1, 2, 3}) {
      const std::unique_ptr<Trainer> other = Create(config, threads);
      Train(*other, 0, 12);
      EXPECT_TRUE(SameWeights(*one, *other)) << batch << " rows, " << threads << " threads";
    }
  }
}

TEST(TrainerTest, OtherSeedOtherWeights) {
  TrainConfig config = SmallConfig();
  const std::unique_ptr<Trainer> one = Create(config, 1);
  config.seed = 2;
  EXPECT_FALSE(SameWeights(*one, *Create(config, 1)));
}

// Stopped at every kind of moment: at once, in warm-up, once latents are dead, near the end.
TEST(TrainerTest, ResumedRunIsTheSameToTheBit) {
  TrainConfig config = SmallConfig();
  config.dead_after_rows = 600;
  const std::unique_ptr<Trainer> whole = Create(config, 1);
  const int64_t steps = 120;
  Train(*whole, 0, steps);
  for (int64_t stop : {0, 3, 50, 119}) {
    const std::unique_ptr<Trainer> first = Create(config, 1);
    Train(*first, 0, stop);
    const std::string state = first->SaveState();
    const absl::StatusOr<std::unique_ptr<Trainer>> second = Trainer::Restore(state, 2);
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_EQ((*second)->config(), first->config());
    EXPECT_EQ((*second)->steps(), stop);
    EXPECT_EQ((*second)->dead_latents(), first->dead_latents());
    EXPECT_EQ((*second)->SaveState(), state);
    EXPECT_EQ((*second)->StateBytes(), static_cast<int64_t>(state.size()));
    Train(**second, stop, steps);
    EXPECT_TRUE(SameWeights(*whole, **second)) << "stopped after " << stop;
    EXPECT_EQ((*second)->SaveState(), whole->SaveState());
  }
}

TEST(TrainerTest, DamagedStateIsDataLoss) {
  const std::unique_ptr<Trainer> trainer = Create(SmallConfig(), 1);
  const std::string state = trainer->SaveState();
  const auto code = [](const std::string& bytes) {
    return Trainer::Restore(bytes, 1).status().code();
  };
  EXPECT_EQ(code(""), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code("not a state"), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code(state + "x"), absl::StatusCode::kDataLoss);
  for (size_t length : {size_t{9}, size_t{40}, state.size() / 2, state.size() - 1}) {
    EXPECT_EQ(code(state.substr(0, length)), absl::StatusCode::kDataLoss) << length;
  }
  std::string huge = state;
  huge[15] = 0x7f;  // dim
  EXPECT_EQ(code(huge), absl::StatusCode::kDataLoss);
}

// States of before k was annealed lack its two settings, and the two that came after them.
TEST(TrainerTest, AStateOfAVersionBeforeGoesOn) {
  const std::unique_ptr<Trainer> trainer = Create(SmallConfig(), 1);
  Train(*trainer, 0, 5);
  const std::string state = trainer->SaveState();
  constexpr size_t kVersionAt = 4;
  constexpr size_t kAnnealingAt = 20;  // after header, dim, latents and k
  constexpr size_t kStartAt = kAnnealingAt + 2 * sizeof(double);
  constexpr size_t kStartBytes = sizeof(InitialDecoder) + sizeof(double);
  std::string third = state;
  third[kVersionAt] = 3;
  third.erase(kStartAt, kStartBytes);
  std::string second = third;
  second[kVersionAt] = 2;
  second.erase(kAnnealingAt, kStartAt - kAnnealingAt);
  for (const std::string& older : {third, second}) {
    const absl::StatusOr<std::unique_ptr<Trainer>> restored = Trainer::Restore(older, 1);
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ((*restored)->SaveState(), state);
  }
  for (const char version : {1, 5}) {
    std::string other = state;
    other[kVersionAt] = version;
    EXPECT_EQ(Trainer::Restore(other, 1).status().code(), absl::StatusCode::kDataLoss);
  }
}

// One step of the engine is one step of Adam on the reference gradient, with the parts that only a
// whole step has: normalisation, projection, clipping, unit norm.
TEST(TrainerTest, FirstStepMatchesReference) {
  TrainConfig config = SmallConfig();
  config.clip_norm = 0.05;
  config.warmup_fraction = 0.0;
  config.decay_fraction = 0.0;
  config.epsilon = 1e-4;  // well above the rounding of gradients, so that Adam does not amplify it
  const std::unique_ptr<Trainer> trainer = Create(config, 1);
  const SaeWeights before = trainer->weights();
  const int64_t n = 256;

  reference::Problem<double> problem;
  problem.dim = kDim;
  problem.latents = before.latents;
  problem.k = before.k;
  VarianceAccumulator variance(kDim);
  for (int64_t r = 0; r < kRows; ++r) variance.Add(&Rows()[r * kDim]);
  problem.variance = variance.Variance() * before.input_scale * before.input_scale;
  const auto widen = [](const std::vector<float>& v) {
    return std::vector<double>(v.begin(), v.end());
  };
  const reference::Parameters<double> p = {widen(before.encoder), std::vector<double>(64),
                                           widen(before.decoder), widen(before.pre_bias)};
  std::vector<double> x(Rows().begin(), Rows().begin() + n * kDim);
  for (double& value : x) value *= before.input_scale;
  reference::Parameters<double> g;
  reference::Evaluate(problem, p, x.data(), static_cast<int>(n), &g);
  double squared = 0.0;
  for (int j = 0; j < 64; ++j) {
    double along = 0.0;
    for (int i = 0; i < kDim; ++i) along += g.decoder[j * kDim + i] * p.decoder[j * kDim + i];
    for (int i = 0; i < kDim; ++i) g.decoder[j * kDim + i] -= along * p.decoder[j * kDim + i];
  }
  for (const auto* part : {&g.encoder, &g.encoder_bias, &g.decoder, &g.pre_bias}) {
    for (double value : *part) squared += value * value;
  }
  const double norm = std::sqrt(squared);
  ASSERT_GT(norm, config.clip_norm);

  const StepStats stats = Train(*trainer, 0, 1);
  EXPECT_NEAR(stats.gradient_norm, norm, 1e-4 * norm);
  const double clip = config.clip_norm / norm;
  // The first step of Adam: m̂ = g, v̂ = g².
  const auto moved = [&](double parameter, double gradient) {
    return parameter -
           config.learning_rate * clip * gradient / (std::abs(clip * gradient) + config.epsilon);
  };
  for (size_t i = 0; i < p.encoder.size(); ++i) {
    EXPECT_NEAR(trainer->weights().encoder[i], moved(p.encoder[i], g.encoder[i]), 1e-5);
  }
  for (size_t i = 0; i < p.encoder_bias.size(); ++i) {
    EXPECT_NEAR(trainer->weights().encoder_bias[i], moved(p.encoder_bias[i], g.encoder_bias[i]),
                1e-5);
  }
  for (size_t i = 0; i < p.pre_bias.size(); ++i) {
    EXPECT_NEAR(trainer->weights().pre_bias[i], moved(p.pre_bias[i], g.pre_bias[i]), 1e-5);
  }
  for (int j = 0; j < 64; ++j) {
    std::vector<double> row(kDim);
    double length = 0.0;
    for (int i = 0; i < kDim; ++i) {
      row[i] = moved(p.decoder[j * kDim + i], g.decoder[j * kDim + i]);
      length += row[i] * row[i];
    }
    for (int i = 0; i < kDim; ++i) {
      EXPECT_NEAR(trainer->weights().decoder[j * kDim + i], row[i] / std::sqrt(length), 1e-5);
    }
  }
}

TEST(TrainerTest, LearningRateRisesHoldsAndFalls) {
  TrainConfig config = SmallConfig();
  config.warmup_fraction = 0.1;
  config.decay_fraction = 0.5;
  const std::unique_ptr<Trainer> trainer = Create(config, 1, 10);
  ASSERT_EQ(trainer->total_steps(), 160);
  std::vector<double> rates;
  for (int64_t step = 0; step < 160; ++step) {
    rates.push_back(Train(*trainer, step, step + 1).learning_rate / config.learning_rate);
  }
  EXPECT_NEAR(rates[0], 1.0 / 16, 1e-9);
  EXPECT_NEAR(rates[7], 0.5, 1e-9);
  EXPECT_NEAR(rates[15], 1.0, 1e-9);
  EXPECT_NEAR(rates[80], 1.0, 1e-9);
  EXPECT_NEAR(rates[120], 0.5, 1e-9);
  EXPECT_NEAR(rates[159], 1.0 / 80, 1e-9);
}

TEST(TrainerTest, CosineDecayFallsSlowlyAtBothEnds) {
  TrainConfig config = SmallConfig();
  config.warmup_fraction = 0.0;
  config.decay_fraction = 0.5;
  config.decay_shape = DecayShape::kCosine;
  const std::unique_ptr<Trainer> trainer = Create(config, 1, 10);
  const auto rate = [&](int64_t step) {
    return Train(*trainer, step, step + 1).learning_rate / config.learning_rate;
  };
  std::vector<double> rates;
  for (int64_t step = 0; step < 160; ++step) rates.push_back(rate(step));
  EXPECT_NEAR(rates[80], 1.0, 1e-9);
  EXPECT_NEAR(rates[100], 0.5 + 0.5 * std::sqrt(0.5), 1e-9);
  EXPECT_NEAR(rates[120], 0.5, 1e-9);
  EXPECT_NEAR(rates[140], 0.5 - 0.5 * std::sqrt(0.5), 1e-9);
  EXPECT_NEAR(rates[159], 0.5 - 0.5 * std::cos(std::acos(-1.0) / 80), 1e-9);
}

// Latents that none of the last dead_after_rows rows fired are dead, and the auxiliary loss teaches
// them to explain part of what the others leave over: ‖e − ê‖² falls below ‖e‖².
TEST(TrainerTest, AuxiliaryLossTeachesDeadLatentsTheError) {
  TrainConfig config = SmallConfig();
  config.latents = 256;
  config.dead_after_rows = 1024;
  config.learning_rate = 1e-3;
  config.decay_fraction = 0.0;
  const std::unique_ptr<Trainer> trainer = Create(config, 1, 60);
  const StepStats first = Train(*trainer, 0, 3);
  EXPECT_EQ(first.dead, 0);
  EXPECT_EQ(first.aux, 0.0);
  Train(*trainer, 3, trainer->total_steps() - 50);
  double aux = 0.0;
  double fvu = 0.0;
  for (int64_t step = trainer->total_steps() - 50; step < trainer->total_steps(); ++step) {
    const StepStats stats = Train(*trainer, step, step + 1);
    EXPECT_GT(stats.dead, 0);
    EXPECT_DOUBLE_EQ(stats.loss, stats.fvu + config.aux_weight * stats.aux);
    aux += stats.aux;
    fvu += stats.fvu;
  }
  EXPECT_LT(aux, 0.97 * fvu);
}

TEST(TrainerTest, NotFiniteRowsChangeNothing) {
  const std::unique_ptr<Trainer> trainer = Create(SmallConfig(), 1);
  Train(*trainer, 0, 3);
  const std::string before = trainer->SaveState();
  for (float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> rows(Rows().begin(), Rows().begin() + 256 * kDim);
    rows[1000] = bad;
    EXPECT_EQ(trainer->Step(rows.data(), 256).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(trainer->SaveState(), before);
  }
}

TEST(TrainerTest, RefusesUselessSamples) {
  const TrainConfig config = SmallConfig();
  const auto code = [&](const std::vector<float>& sample) {
    return Trainer::Create(config, kDim, 100, sample.data(),
                           static_cast<int64_t>(sample.size()) / kDim, 1)
        .status()
        .code();
  };
  EXPECT_EQ(code({}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(std::vector<float>(10 * kDim, 1.0f)), absl::StatusCode::kFailedPrecondition);
  std::vector<float> bad(10 * kDim, 1.0f);
  bad[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(code(bad), absl::StatusCode::kInvalidArgument);
}

TEST(TrainConfigTest, ListsEveryViolation) {
  EXPECT_TRUE(FindViolations(DefaultConfig(64)).empty());
  EXPECT_TRUE(FindViolations(PaperConfig(64)).empty());
  TrainConfig config;
  config.latents = 0;
  config.k = 0;
  config.learning_rate = std::numeric_limits<double>::quiet_NaN();
  config.decoder_rate = 0.0;
  config.initial_decoder = static_cast<InitialDecoder>(7);
  config.batch_rows = -1;
  config.warmup_fraction = 0.6;
  config.decay_fraction = 0.6;
  std::vector<std::string> fields;
  for (const ConfigViolation& violation : FindViolations(config)) fields.push_back(violation.field);
  EXPECT_EQ(fields, (std::vector<std::string>{"latents", "k", "learning_rate", "decoder_rate",
                                              "initial_decoder", "decay_fraction", "batch_rows"}));
  config = TrainConfig();
  config.k = config.latents + 1;
  ASSERT_EQ(FindViolations(config).size(), 1u);
  EXPECT_EQ(FindViolations(config)[0].field, "k");
}

TEST(TrainConfigTest, KComesDownEvenly) {
  TrainConfig config;
  config.k = 10;
  EXPECT_EQ(AnnealedK(config, 0, 100), 10);
  config.k_anneal_from = 3.0;
  EXPECT_EQ(AnnealedK(config, 0, 100), 10) << "over no step";
  config.k_anneal_fraction = 0.5;
  for (const auto& [step, k] :
       {std::pair(0, 30), {1, 30}, {10, 26}, {25, 20}, {49, 10}, {50, 10}}) {
    EXPECT_EQ(AnnealedK(config, step, 100), k) << step;
  }
  EXPECT_EQ(MostK(config), 30);
  EXPECT_EQ(MostLatentsPerRow(config), 30 + config.aux_k);
  config.latents = 25;
  EXPECT_EQ(MostK(config), 25);
  config.architecture = Architecture::kRelu;
  EXPECT_EQ(AnnealedK(config, 0, 100), 10) << "which only aims at k";

  config = TrainConfig();
  config.k_anneal_from = 0.5;
  config.k_anneal_fraction = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::string> fields;
  for (const ConfigViolation& violation : FindViolations(config)) fields.push_back(violation.field);
  EXPECT_EQ(fields, (std::vector<std::string>{"k_anneal_from", "k_anneal_fraction"}));
}

TEST(TrainerTest, TheDecoderHasARateOfItsOwn) {
  TrainConfig config = SmallConfig();
  config.unit_norm_decoder = false;
  const std::unique_ptr<Trainer> alike = Create(config, 1);
  config.decoder_rate = 3.0;
  const std::unique_ptr<Trainer> faster = Create(config, 1);
  const std::vector<float> before = alike->weights().decoder;
  ASSERT_EQ(faster->weights().decoder, before);
  Train(*alike, 0, 1);
  Train(*faster, 0, 1);
  EXPECT_EQ(faster->weights().encoder, alike->weights().encoder);
  EXPECT_NE(alike->weights().decoder, before);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_NEAR(faster->weights().decoder[i] - before[i],
                3 * (alike->weights().decoder[i] - before[i]), 1e-5);
  }
}

// A step has as many active latents as it should, and what was trained has k at the end.
TEST(TrainerTest, KComesDownWhileItTrains) {
  for (const Architecture architecture : {Architecture::kTopKSigned, Architecture::kBatchTopK}) {
    TrainConfig config = SmallConfig();
    config.architecture = architecture;
    config.k_anneal_from = 2.0;
    config.k_anneal_fraction = 0.5;
    const std::unique_ptr<Trainer> trainer = Create(config, 1);
    const int64_t steps = trainer->total_steps();
    for (int64_t step = 0; step < steps; ++step) {
      const int k = AnnealedK(config, step, steps);
      EXPECT_EQ(trainer->annealing(), k > config.k) << step;
      ASSERT_NEAR(Train(*trainer, step, step + 1).l0, k, 1e-9) << step;
    }
    EXPECT_EQ(trainer->weights().k, config.k);
  }
}

// Contributions are numbered in 32 bits: 2^20 latents, half of them active, in 2^16 rows would be
// 2^35.
TEST(TrainConfigTest, BatchesThatCannotBeNumberedAreViolations) {
  TrainConfig config;
  config.revival = Revival::kNone;
  config.latents = 1 << 20;
  config.batch_rows = 1 << 16;
  EXPECT_TRUE(FindViolations(config).empty());
  for (const Architecture architecture : {Architecture::kRelu, Architecture::kBatchTopK}) {
    config.architecture = architecture;
    config.batch_rows = 1 << 16;
    ASSERT_EQ(FindViolations(config).size(), 1u);
    EXPECT_EQ(FindViolations(config)[0].field, "batch_rows");
    EXPECT_EQ(FindViolations(config)[0].description,
              "is 65536; expected at most 2047 where 1048576 latents may take part in each row");
    config.batch_rows = 2047;
    EXPECT_TRUE(FindViolations(config).empty());
  }
  config.architecture = Architecture::kTopK;
  config.k = 1 << 19;
  config.batch_rows = 4096;
  EXPECT_EQ(FindViolations(config).size(), 1u);
}

// The rows of a step need not be those of the configuration; they are not even looked at.
TEST(TrainerTest, RefusesMoreRowsThanItCanNumber) {
  const std::unique_ptr<Trainer> trainer = Create(SmallConfig(), 1);
  const absl::Status status = trainer->Step(nullptr, kMaxContributions).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(status), "BATCH_TOO_LARGE");
}

// A stopped step leaves everything as it was, on any number of threads.
TEST(TrainerTest, AStoppedStepChangesNothing) {
  TrainConfig config = SmallConfig();
  config.batch_rows = 2048;
  config.latents = 512;  // worth several threads
  for (const int threads : {1, 3}) {
    const std::unique_ptr<Trainer> trainer = Create(config, threads);
    Train(*trainer, 0, 2);
    const std::string before = trainer->SaveState();
    std::atomic<bool> stop = true;
    const absl::Status status = trainer->Step(Rows().data(), 2048, &stop).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(Reason(status), "STEP_STOPPED");
    EXPECT_EQ(trainer->SaveState(), before);
    stop = false;
    EXPECT_TRUE(trainer->Step(Rows().data(), 2048, &stop).ok());
  }
}

// The threshold is a mean over the batches that kept something. One that kept nothing, as a first
// batch of nothing but the centre does, must not count as a value of 0.
TEST(TrainerTest, BatchThresholdBeginsWithTheFirstValueKept) {
  TrainConfig config = SmallConfig();
  config.architecture = Architecture::kBatchTopK;
  config.encoder_bias = false;
  config.normalise_inputs = false;
  const std::unique_ptr<Trainer> trainer = Create(config, 1);
  const SaeWeights& weights = trainer->weights();
  const std::vector<float> centre = weights.pre_bias;
  ASSERT_TRUE(trainer->Step(centre.data(), 1).ok());
  ASSERT_EQ(weights.threshold[0], 0.0f);
  ASSERT_TRUE(trainer->Step(Rows().data(), 256).ok());
  EXPECT_GT(weights.threshold[0], 0.1);
}

}  // namespace
}  // namespace recsae::sae
