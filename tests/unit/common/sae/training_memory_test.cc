// The estimate of training_memory.h against the memory that a process takes to train.
#include "common/sae/training_memory.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "common/sae/trainer.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

constexpr int kThreads = 2;

// "VmRSS", "VmHWM": of this process, in bytes.
int64_t ProcessBytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(field + ":", 0) == 0) return std::stoll(line.substr(field.size() + 1)) * 1024;
  }
  return 0;
}

// By how much a process grows at most that makes a trainer and lets it take two steps. In a process
// of its own, whose memory nothing else has touched.
int64_t MeasureTrainer(const TrainConfig& config, int dim) {
  const std::vector<float> rows = RandomValues(int64_t{config.batch_rows} * dim, 1);
  // With weights, by which BatchTopK's choice takes more.
  const std::vector<float> weights(static_cast<size_t>(config.batch_rows), 1.0f);
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const int64_t before = ProcessBytes("VmRSS");
    auto trainer = Trainer::Create(config, dim, config.batch_rows, rows.data(), 64, kThreads);
    bool good = trainer.ok();
    for (int step = 0; good && step < 2; ++step) {
      good = (*trainer)->Step(rows.data(), config.batch_rows, nullptr, weights.data()).ok();
    }
    const int64_t grown = good ? ProcessBytes("VmHWM") - before : 0;
    const bool written = write(ends[1], &grown, sizeof(grown)) == sizeof(grown);
    _exit(written ? 0 : 1);
  }
  int64_t grown = 0;
  EXPECT_EQ(read(ends[0], &grown, sizeof(grown)), static_cast<ssize_t>(sizeof(grown)));
  close(ends[0]);
  close(ends[1]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return grown;
}

struct Case {
  const char* name;
  Architecture architecture;
  int dim, latents, k, batch_rows;
  Revival revival = Revival::kAuxLoss;
};

class TrainerMemoryTest : public testing::TestWithParam<Case> {};

// Never far below what is taken, so that a permit for it holds, nor far above, so that it does not
// keep others out.
TEST_P(TrainerMemoryTest, EstimateIsWithinAFactorOfWhatIsTaken) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer takes memory of its own";
#endif
  TrainConfig config = DefaultConfig(GetParam().dim);
  config.architecture = GetParam().architecture;
  config.latents = GetParam().latents;
  config.k = GetParam().k;
  config.batch_rows = GetParam().batch_rows;
  config.revival = GetParam().revival;
  config.dead_after_rows = 1;  // what the first step did not fire the second one revives
  config.sparsity_weight = config.architecture == Architecture::kJumpRelu ? 1.0 : 0.0;
  const auto taken = static_cast<double>(MeasureTrainer(config, GetParam().dim));
  const auto estimate = static_cast<double>(EstimateTrainerBytes(config, GetParam().dim, kThreads));
  RecordProperty("ratio", std::to_string(estimate / taken));
  EXPECT_GE(estimate, taken) << "MiB taken: " << taken / (1 << 20);
  EXPECT_LE(estimate, 1.8 * taken) << "MiB taken: " << taken / (1 << 20);
}

INSTANTIATE_TEST_SUITE_P(
    , TrainerMemoryTest,
    testing::Values(Case{"parameters", Architecture::kTopK, 256, 16384, 16, 64},
                    Case{"batch", Architecture::kTopK, 256, 1024, 8, 32768, Revival::kNone},
                    Case{"pursuit", Architecture::kPursuit, 64, 8192, 8, 4096},
                    Case{"batch_top_k", Architecture::kBatchTopK, 32, 8192, 16, 2048},
                    Case{"jump_relu", Architecture::kJumpRelu, 32, 8192, 16, 2048},
                    Case{"relu", Architecture::kRelu, 32, 8192, 16, 2048}),
    [](const auto& instance) { return instance.param.name; });

// The configuration that would take hundreds of gigabytes is known by it, and refused.
TEST(TrainingMemoryTest, HugeSizesNeitherOverflowNorPass) {
  TrainConfig config = DefaultConfig(64);
  config.architecture = Architecture::kRelu;
  config.latents = 1 << 20;
  config.batch_rows = 1 << 16;
  EXPECT_GT(EstimateTrainingBytes(config, 64, 1), int64_t{500} << 30);
  config.latents = std::numeric_limits<int>::max();
  config.batch_rows = std::numeric_limits<int>::max();
  EXPECT_EQ(EstimateTrainingBytes(config, std::numeric_limits<int>::max(), 1),
            std::numeric_limits<int64_t>::max());
}

TEST(TrainingMemoryTest, AJobTakesMoreThanItsTrainer) {
  const TrainConfig config = DefaultConfig(64);
  EXPECT_GE(EstimateTrainingBytes(config, 64, 1),
            EstimateTrainerBytes(config, 64, 1) + EstimateModelBytes(config.latents, 64));
}

}  // namespace
}  // namespace recsae::sae
