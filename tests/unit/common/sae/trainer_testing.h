// A small training problem, and ways to run it.
#ifndef RECSAE_TESTS_UNIT_COMMON_SAE_TRAINER_TESTING_H_
#define RECSAE_TESTS_UNIT_COMMON_SAE_TRAINER_TESTING_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "common/sae/metrics.h"
#include "common/sae/trainer.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {

inline constexpr int kDim = 16;
inline constexpr int64_t kRows = 4096;

inline TrainConfig SmallConfig() {
  TrainConfig config = DefaultConfig(kDim);
  config.latents = 64;
  config.k = 4;
  config.batch_rows = 256;
  config.dead_after_rows = 2000;
  config.learning_rate = 3e-3;
  return config;
}

inline const std::vector<float>& Rows() {
  static const auto& rows = *new std::vector<float>(PlantedRows(kRows, kDim, 32, 3, 5));
  return rows;
}

inline std::unique_ptr<Trainer> Create(const TrainConfig& config, int threads, int epochs = 20) {
  absl::StatusOr<std::unique_ptr<Trainer>> trainer =
      Trainer::Create(config, kDim, kRows * epochs, Rows().data(), kRows, threads);
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

// Trains from step `begin` to `end`; batches go round and round over the rows.
inline StepStats Train(Trainer& trainer, int64_t begin, int64_t end) {
  const int64_t batch = trainer.config().batch_rows;
  StepStats stats;
  for (int64_t step = begin; step < end; ++step) {
    const int64_t first = (step * batch) % kRows;
    const int64_t n = std::min(batch, kRows - first);
    absl::StatusOr<StepStats> result = trainer.Step(&Rows()[first * kDim], n);
    EXPECT_TRUE(result.ok()) << result.status();
    stats = *result;
  }
  return stats;
}

inline ReconstructionMetrics Evaluate(const Trainer& trainer) {
  MetricsAccumulator accumulator(kDim, trainer.weights().latents);
  const absl::StatusOr<SaeModel> model = SaeModel::Create(trainer.weights());
  EXPECT_TRUE(model.ok()) << model.status();
  accumulator.Add(*model, Rows().data(), kRows);
  return accumulator.Result();
}

inline bool SameWeights(const Trainer& a, const Trainer& b) {
  return a.weights().encoder == b.weights().encoder && a.weights().decoder == b.weights().decoder &&
         a.weights().pre_bias == b.weights().pre_bias &&
         a.weights().encoder_bias == b.weights().encoder_bias &&
         a.weights().threshold == b.weights().threshold;
}

}  // namespace recsae::sae

#endif  // RECSAE_TESTS_UNIT_COMMON_SAE_TRAINER_TESTING_H_
