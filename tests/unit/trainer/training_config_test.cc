#include "services/trainer/training_config.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "common/status/status.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::trainer {
namespace {

using v1::TrainingConfig;

TrainingConfig Filled(const TrainingConfig& config, int dim) {
  BadRequest bad;
  TrainingConfig filled = FillIn(config, dim, bad);
  EXPECT_TRUE(bad.ok()) << bad.ToStatus();
  return filled;
}

std::string Violations(const TrainingConfig& config, int dim) {
  BadRequest bad;
  FillIn(config, dim, bad);
  return std::string(bad.ToStatus().message());
}

TEST(TrainingConfigTest, DefaultsAsDocumented) {
  const TrainingConfig filled = Filled({}, 64);
  EXPECT_EQ(filled.preset(), TrainingConfig::PRESET_DEFAULT);
  EXPECT_EQ(filled.latents(), 1024);
  EXPECT_EQ(filled.expansion_factor(), 16);
  EXPECT_EQ(filled.k(), 8);
  EXPECT_EQ(filled.k_aux(), 32);
  EXPECT_EQ(filled.aux_alpha(), 1.0 / 32.0);
  EXPECT_EQ(filled.learning_rate(), 1e-3);
  EXPECT_EQ(filled.warmup_fraction(), 0.05);
  EXPECT_EQ(filled.decay_fraction(), 0.2);
  EXPECT_EQ(filled.batch_rows(), 1024);
  EXPECT_EQ(filled.epochs(), 24);
  EXPECT_EQ(filled.gradient_clip(), 1.0);
  EXPECT_EQ(filled.checkpoint_seconds(), 10.0);
  EXPECT_GE(filled.threads(), 1);
}

TEST(TrainingConfigTest, PaperPresetAsDocumented) {
  TrainingConfig config;
  config.set_preset(TrainingConfig::PRESET_PAPER);
  const TrainingConfig filled = Filled(config, 64);
  EXPECT_EQ(filled.latents(), 1024);
  EXPECT_EQ(filled.k(), 8);
  EXPECT_EQ(filled.learning_rate(), 1e-4);
  EXPECT_EQ(filled.warmup_fraction(), 0.0);
  EXPECT_EQ(filled.decay_fraction(), 0.0);
  EXPECT_EQ(filled.batch_rows(), 16);
  EXPECT_EQ(filled.epochs(), 50);
  EXPECT_EQ(filled.gradient_clip(), 0.0);
  const sae::TrainConfig engine = ToEngine(filled);
  EXPECT_EQ(engine.architecture, sae::Architecture::kTopKSigned);
  EXPECT_FALSE(engine.normalise_inputs);
}

TEST(TrainingConfigTest, WhatIsSetIsKept) {
  TrainingConfig config;
  config.set_expansion_factor(4);
  config.set_k(3);
  config.set_seed(7);
  config.set_aux_alpha(0.0);
  config.set_threads(2);
  const TrainingConfig filled = Filled(config, 10);
  EXPECT_EQ(filled.latents(), 40);
  EXPECT_EQ(filled.aux_alpha(), 0.0);
  const sae::TrainConfig engine = ToEngine(filled);
  EXPECT_EQ(engine.latents, 40);
  EXPECT_EQ(engine.k, 3);
  EXPECT_EQ(engine.seed, 7u);
  EXPECT_EQ(engine.aux_weight, 0.0);
  EXPECT_EQ(engine.aux_k, 5);
  config.set_latents(33);
  EXPECT_EQ(Filled(config, 10).latents(), 33);
}

TEST(TrainingConfigTest, FillingInTwiceChangesNothing) {
  const TrainingConfig once = Filled({}, 48);
  EXPECT_EQ(Filled(once, 48).SerializeAsString(), once.SerializeAsString());
  EXPECT_TRUE(FindViolations(ToEngine(once)).empty());
}

TEST(TrainingConfigTest, NamesEveryViolationAtOnce) {
  TrainingConfig config;
  config.set_latents(0);
  config.set_k(0);
  config.set_k_aux(-1);
  config.set_aux_alpha(-1);
  config.set_dead_after_rows(0);
  config.set_learning_rate(std::numeric_limits<double>::quiet_NaN());
  config.set_warmup_fraction(0.7);
  config.set_decay_fraction(0.7);
  config.set_batch_rows(0);
  config.set_epochs(0);
  config.set_gradient_clip(-0.5);
  config.set_threads(-1);
  config.set_checkpoint_seconds(-1);
  const std::string message = Violations(config, kUnknownDim);
  for (const char* field :
       {"config.latents", "config.k ", "config.k_aux", "config.aux_alpha", "config.dead_after_rows",
        "config.learning_rate", "config.decay_fraction", "config.batch_rows", "config.epochs",
        "config.gradient_clip", "config.threads", "config.checkpoint_seconds"}) {
    EXPECT_NE(message.find(std::string(field).substr(0, std::string(field).find(' '))),
              std::string::npos)
        << field << " in: " << message;
  }
}

TEST(TrainingConfigTest, KAboveTheNumberOfLatents) {
  TrainingConfig config;
  config.set_latents(8);
  config.set_k(9);
  EXPECT_NE(Violations(config, kUnknownDim).find("config.k"), std::string::npos);
  config.clear_latents();
  config.set_expansion_factor(1);
  EXPECT_EQ(Violations(config, kUnknownDim), "");  // depends on the dimension
  EXPECT_NE(Violations(config, 8).find("config.k"), std::string::npos);
  EXPECT_EQ(Violations(config, 9), "");
}

TEST(TrainingConfigTest, UnknownPresetAndTooManyLatents) {
  TrainingConfig config;
  config.set_preset(static_cast<TrainingConfig::Preset>(17));
  EXPECT_NE(Violations(config, 64).find("config.preset"), std::string::npos);
  config.Clear();
  config.set_expansion_factor(1 << 20);
  EXPECT_NE(Violations(config, 64).find("config.expansion_factor"), std::string::npos);
}

TEST(TrainingConfigTest, TextHoldsTheWholeRecipe) {
  const auto text = AsText(Filled({}, 64));
  EXPECT_EQ(text.at("preset"), "default");
  EXPECT_EQ(text.at("latents"), "1024");
  EXPECT_EQ(text.at("k"), "8");
  EXPECT_EQ(text.at("learning_rate"), "0.001");
  EXPECT_EQ(text.at("seed"), "0");
}

}  // namespace
}  // namespace recsae::trainer
