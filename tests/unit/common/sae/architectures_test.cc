// What must hold for a training run of every architecture and every way to revive latents.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "common/math/simd/kernels.h"
#include "tests/unit/common/sae/trainer_testing.h"

namespace recsae::sae {
namespace {

struct Variant {
  std::string name;
  Architecture architecture;
  Revival revival = Revival::kAuxLoss;
  std::vector<int> prefixes = {};
};

void PrintTo(const Variant& variant, std::ostream* out) { *out << variant.name; }

TrainConfig ConfigOf(const Variant& variant) {
  TrainConfig config = SmallConfig();
  config.architecture = variant.architecture;
  config.revival = variant.revival;
  config.matryoshka_prefixes = variant.prefixes;
  config.resample_every_rows = 20000;
  if (variant.architecture == Architecture::kJumpRelu) config.sparsity_weight = 1.0;
  return config;
}

class ArchitectureTest : public ::testing::TestWithParam<Variant> {};

TEST_P(ArchitectureTest, LearnsWithTheL0ThatWasAskedFor) {
  const TrainConfig config = ConfigOf(GetParam());
  const std::unique_ptr<Trainer> trainer = Create(config, 2, 60);
  const ReconstructionMetrics before = Evaluate(*trainer);
  Train(*trainer, 0, trainer->total_steps());
  const ReconstructionMetrics metrics = Evaluate(*trainer);
  // The L1 penalty shrinks what it leaves active.
  const bool shrinks = config.architecture == Architecture::kRelu;
  EXPECT_LT(metrics.fvu, shrinks ? 0.7 : 0.25);
  EXPECT_LT(metrics.fvu, before.fvu);
  EXPECT_NEAR(metrics.l0, config.k, 0.25 * config.k);
  EXPECT_TRUE(Validate(trainer->weights()).ok());
}

TEST_P(ArchitectureTest, ResumedRunIsTheSameToTheBit) {
  TrainConfig config = ConfigOf(GetParam());
  config.dead_after_rows = 600;
  const std::unique_ptr<Trainer> whole = Create(config, 2);
  const int64_t steps = 60;
  Train(*whole, 0, steps);
  for (int64_t stop : {1, 25}) {
    const std::unique_ptr<Trainer> first = Create(config, 1);
    Train(*first, 0, stop);
    const absl::StatusOr<std::unique_ptr<Trainer>> second = Trainer::Restore(first->SaveState(), 3);
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_EQ((*second)->config(), first->config());
    Train(**second, stop, steps);
    EXPECT_TRUE(SameWeights(*whole, **second)) << "stopped after " << stop;
    EXPECT_EQ((*second)->SaveState(), whole->SaveState());
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ArchitectureTest,
    ::testing::Values(
        Variant{"TopK", Architecture::kTopK}, Variant{"TopKSigned", Architecture::kTopKSigned},
        Variant{"TopKResampled", Architecture::kTopK, Revival::kResample},
        Variant{"TopKUnrevived", Architecture::kTopK, Revival::kNone},
        Variant{"MatryoshkaTopK", Architecture::kTopK, Revival::kAuxLoss, {16, 32}},
        Variant{"Pursuit", Architecture::kPursuit}, Variant{"BatchTopK", Architecture::kBatchTopK},
        Variant{"MatryoshkaBatchTopK", Architecture::kBatchTopK, Revival::kAuxLoss, {16, 32}},
        Variant{"JumpRelu", Architecture::kJumpRelu}, Variant{"Relu", Architecture::kRelu}),
    [](const auto& test) { return test.param.name; });

// A Matryoshka prefix reconstructs by itself what the same prefix of a plain SAE does not.
TEST(MatryoshkaTest, PrefixesReconstructByThemselves) {
  const auto prefix_fvu = [](const std::vector<int>& prefixes) {
    TrainConfig config = SmallConfig();
    config.matryoshka_prefixes = prefixes;
    const std::unique_ptr<Trainer> trainer = Create(config, 1, 60);
    Train(*trainer, 0, trainer->total_steps());
    const absl::StatusOr<SaeModel> model = SaeModel::Create(trainer->weights());
    EXPECT_TRUE(model.ok()) << model.status();
    MetricsAccumulator accumulator(kDim, model->latents());
    std::vector<float> reconstruction(kDim);
    for (int64_t r = 0; r < kRows; ++r) {
      const float* row = &Rows()[static_cast<size_t>(r * kDim)];
      std::vector<LatentActivation> code = model->Encode(row);
      std::erase_if(code, [](const LatentActivation& entry) { return entry.latent >= 24; });
      model->Decode(code, reconstruction.data());
      accumulator.AddRow(row, reconstruction.data(), code);
    }
    return accumulator.Result().fvu;
  };
  EXPECT_LT(prefix_fvu({24}), 0.8 * prefix_fvu({}));
}

// With a fixed weight L1 has its way: the larger it is, the fewer latents are active.
TEST(ReluTest, MoreWeightFewerActive) {
  double last = kDim * 64.0;
  for (double weight : {1e-4, 1e-2, 1e-1}) {
    TrainConfig config = SmallConfig();
    config.architecture = Architecture::kRelu;
    config.sparsity_weight = weight;
    const std::unique_ptr<Trainer> trainer = Create(config, 1);
    Train(*trainer, 0, trainer->total_steps());
    const double l0 = Evaluate(*trainer).l0;
    EXPECT_LT(l0, last) << weight;
    last = l0;
  }
}

// Dead latents come back as directions of rows, and fire again.
TEST(ResamplingTest, RevivesDeadLatents) {
  TrainConfig config = SmallConfig();
  config.latents = 256;
  config.dead_after_rows = 1024;
  config.learning_rate = 1e-2;
  config.decay_fraction = 0.0;
  config.revival = Revival::kResample;
  config.resample_every_rows = 8192;
  const std::unique_ptr<Trainer> trainer = Create(config, 1, 60);
  const int64_t before = 8192 / config.batch_rows - 1;
  ASSERT_GT(Train(*trainer, 0, before).dead, 0);
  const auto count_small = [&trainer] {
    int small = 0;
    for (int j = 0; j < trainer->weights().latents; ++j) {
      const float* encoder = &trainer->weights().encoder[static_cast<size_t>(j * kDim)];
      if (math::SquaredNorm(encoder, kDim) < 0.1f) ++small;
    }
    return small;
  };
  EXPECT_EQ(count_small(), 0);
  EXPECT_EQ(Train(*trainer, before, before + 1).dead, 0);
  const int anew = count_small();
  EXPECT_GT(anew, 0);
  for (int j = 0; j < config.latents; ++j) {
    const float* decoder = &trainer->weights().decoder[static_cast<size_t>(j * kDim)];
    EXPECT_NEAR(math::SquaredNorm(decoder, kDim), 1.0, 1e-5);
  }
}

}  // namespace
}  // namespace recsae::sae
