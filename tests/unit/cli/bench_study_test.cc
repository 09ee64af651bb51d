#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "clients/cli/bench/checkpoint.h"
#include "clients/cli/bench/controls.h"
#include "clients/cli/bench/study.h"
#include "common/base/status.h"
#include "tests/unit/cli/bench_testing.h"

namespace recsae::cli::bench {
namespace {

const StudyProgress kSilent = {[](absl::string_view, absl::string_view, int64_t, int64_t) {},
                               [](const std::string&) {}};

StudySettings Settings() {
  StudySettings settings;
  settings.latents = 24;
  settings.k = 6;
  settings.train_samples = 30'000;
  settings.test_samples = 4'000;
  settings.learning_rate = 5e-3;
  settings.warmup_fraction = 0.05;
  settings.decay_fraction = 0.3;
  settings.batch_rows = 128;
  settings.dead_after_rows = 5'000;
  return settings;
}

const Scores& Own(const Outcome& outcome) { return outcome.readings.front().scores; }

TEST(Study, TrainingFindsMoreThanChanceAndLessThanTheTruth) {
  const World world = MakeTiny();
  math::WorkerPool pool(2);
  const StudySettings settings = Settings();
  const auto truth = RunControl(world, settings, "truth", 1, pool, kSilent);
  const auto untrained = RunControl(world, settings, "untrained", 1, pool, kSilent);
  ASSERT_TRUE(truth.ok() && untrained.ok());
  EXPECT_NEAR(Own(*truth).mcc, 1.0, 1e-6);
  EXPECT_EQ(Own(*truth).uniqueness, 1.0);
  EXPECT_NEAR(Own(*truth).l0, 6.0, 0.5);
  for (const std::string& name : Architectures()) {
    const auto outcome = RunArchitecture(world, settings, name, 1, pool, kSilent);
    ASSERT_TRUE(outcome.ok()) << name << ": " << outcome.status();
    EXPECT_EQ(outcome->readings.size(), name == "pursuit" ? 1u : 2u);
    EXPECT_GT(Own(*outcome).mcc, Own(*untrained).mcc + 0.05) << name;
    EXPECT_LT(Own(*outcome).mcc, 1.0) << name;
    EXPECT_GT(Own(*outcome).explained_variance, 0.3) << name;
  }
}

TEST(Study, EveryControlCanBeMade) {
  const World world = MakeTiny();
  math::WorkerPool pool(1);
  for (const std::string& name : Controls()) {
    const auto outcome = RunControl(world, Settings(), name, 1, pool, kSilent);
    ASSERT_TRUE(outcome.ok()) << name << ": " << outcome.status();
    EXPECT_EQ(outcome->readings.size(), 2u);
    EXPECT_NEAR(Own(*outcome).l0, 6.0, 1.5) << name;
  }
}

TEST(Study, IsTheSameForAnyNumberOfThreads) {
  const auto run = [](int threads) {
    const World world = MakeTiny(TinySpec(), threads);
    math::WorkerPool pool(threads);
    StudySettings settings = Settings();
    settings.train_samples = 4'000;
    settings.threads = threads;
    return RunArchitecture(world, settings, "matryoshka", 1, pool, kSilent);
  };
  const auto one = run(1);
  const auto three = run(3);
  ASSERT_TRUE(one.ok() && three.ok());
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(one->readings[i].scores.f1, three->readings[i].scores.f1);
    EXPECT_EQ(one->readings[i].scores.mcc, three->readings[i].scores.mcc);
    EXPECT_EQ(one->readings[i].scores.explained_variance,
              three->readings[i].scores.explained_variance);
  }
}

TEST(Study, EstimateGrowsWithWhatIsAskedFor) {
  StudySettings settings = Settings();
  const int64_t few = EstimateStudyBytes(TinySpec(), settings);
  EXPECT_GT(few, 0);
  settings.latents = 1 << 20;
  EXPECT_GT(EstimateStudyBytes(TinySpec(), settings), int64_t{1 << 20} * 80 * 4);
}

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/bench-checkpoints";
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(CheckpointTest, ATrainingGoesOnToTheSameWeights) {
  const World world = MakeTiny();
  const Sampler sampler(world, 1);
  math::WorkerPool pool(1);
  const sae::TrainConfig config = MakeConfig(Settings(), "batch-topk", 1);
  const CheckpointKeeper keeper(folder_, "a", "tiny");
  ASSERT_TRUE(keeper.Load(config, 1).ok());
  EXPECT_EQ(*keeper.Load(config, 1), nullptr);
  auto trainer = *StartTraining(sampler, config, 20 * 128, 512, 1, pool);
  std::vector<float> rows(128u * world.spec.dim);
  const auto step = [&](sae::Trainer& of) {
    sampler.Generate(of.rows_seen(), 128, pool, rows.data(), nullptr);
    ASSERT_TRUE(of.Step(rows.data(), 128).ok());
  };
  for (int i = 0; i < 10; ++i) step(*trainer);
  ASSERT_TRUE(keeper.Keep(*trainer).ok());
  auto resumed = keeper.Load(config, 2);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  ASSERT_NE(*resumed, nullptr);
  EXPECT_EQ((*resumed)->rows_seen(), 10 * 128);
  for (int i = 0; i < 10; ++i) {
    step(*trainer);
    step(**resumed);
  }
  EXPECT_EQ(trainer->SaveState(), (*resumed)->SaveState());
}

TEST_F(CheckpointTest, AnotherTrainingIsNotGoneOnFrom) {
  const World world = MakeTiny();
  const Sampler sampler(world, 1);
  math::WorkerPool pool(1);
  const sae::TrainConfig config = MakeConfig(Settings(), "batch-topk", 1);
  auto trainer = *StartTraining(sampler, config, 1000, 512, 1, pool);
  ASSERT_TRUE(CheckpointKeeper(folder_, "a", "tiny").Keep(*trainer).ok());
  EXPECT_EQ(Reason(CheckpointKeeper(folder_, "a", "other").Load(config, 1).status()),
            "CHECKPOINT_MISMATCH");
  sae::TrainConfig changed = config;
  changed.learning_rate *= 2;
  EXPECT_EQ(Reason(CheckpointKeeper(folder_, "a", "tiny").Load(changed, 1).status()),
            "CHECKPOINT_MISMATCH");
  std::filesystem::resize_file(folder_ + "/a.state", 100);
  EXPECT_EQ(Reason(CheckpointKeeper(folder_, "a", "tiny").Load(config, 1).status()),
            "TRAINING_STATE_DAMAGED");
  EXPECT_EQ(Reason(CheckpointKeeper("/proc/nowhere", "a", "tiny").Keep(*trainer)),
            "CHECKPOINT_UNWRITABLE");
}

}  // namespace
}  // namespace recsae::cli::bench
