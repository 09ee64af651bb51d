// What training takes is said before it takes it, and refused where it is too much.
#include "services/trainer/run/estimate.h"

#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "services/trainer/run/training_config.h"

namespace recsae::trainer {
namespace {

v1::TrainingConfig Config(int latents, int batch_rows) {
  v1::TrainingConfig config;
  config.set_latent_count(latents);
  config.set_k(8);
  config.set_batch_rows(batch_rows);
  config.set_thread_count(2);
  BadRequest bad;
  v1::TrainingConfig filled_in = FillIn(config, {64, kAnyRows}, "config", bad);
  EXPECT_TRUE(bad.ok()) << bad.ToStatus();
  return filled_in;
}

TEST(TrainingJobBytes, AnOrdinaryJobTakesLittle) {
  EXPECT_LT(TrainingJobBytes({Config(1024, 1024)}, 64, 1'000'000), 64 * kMib);
}

TEST(TrainingJobBytes, CountsEverySaeAndEveryEarlyStop) {
  const int64_t one = TrainingJobBytes({Config(4096, 1024)}, 64, 1'000'000);
  const int64_t three =
      TrainingJobBytes({Config(4096, 1024), Config(4096, 1024), Config(4096, 1024)}, 64, 1'000'000);
  EXPECT_GT(three, 2 * one - 64 * kMib);
  v1::TrainingConfig stopped = Config(4096, 1024);
  stopped.mutable_early_stop()->set_capture("recommenders/r/captures/dev");
  stopped.mutable_early_stop()->set_max_rows(500'000);
  EXPECT_GT(TrainingJobBytes({stopped}, 64, 1'000'000), one + RowBytes(500'000, 64));
}

TEST(TrainingJobBytes, WhatNoMachineHasIsNoSmallNumber) {
  EXPECT_GT(TrainingJobBytes({Config(1 << 20, 1024)}, 65'536, 1'000'000), 1024 * kGib);
  EXPECT_EQ(RowBytes(kMostBytes / 2, 65'536), kMostBytes);
}

}  // namespace
}  // namespace recsae::trainer
