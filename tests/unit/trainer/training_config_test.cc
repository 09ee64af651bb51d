#include "services/trainer/run/training_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::trainer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using concept_store::v1::Sae;
using v1::EarlyStop;
using v1::TrainingConfig;

TrainingConfig Filled(const TrainingConfig& config, int dim) {
  BadRequest bad;
  TrainingConfig filled = FillIn(config, {dim, kAnyRows}, "config", bad);
  EXPECT_TRUE(bad.ok()) << bad.ToStatus();
  return filled;
}

std::string Violations(const TrainingConfig& config, int dim) {
  BadRequest bad;
  FillIn(config, {dim, kAnyRows}, "config", bad);
  return std::string(bad.ToStatus().message());
}

TEST(TrainingConfigTest, DefaultsAsDocumented) {
  const TrainingConfig filled = Filled({}, 64);
  EXPECT_EQ(filled.preset(), TrainingConfig::PRESET_DEFAULT);
  EXPECT_EQ(filled.latent_count(), 512);
  EXPECT_FALSE(filled.has_expansion_factor());
  EXPECT_EQ(filled.k(), 8);
  EXPECT_FALSE(filled.has_k_anneal_from());
  EXPECT_FALSE(filled.has_k_anneal_fraction());
  EXPECT_EQ(filled.k_aux(), 32);
  EXPECT_EQ(filled.aux_alpha(), 1.0 / 32.0);
  EXPECT_EQ(filled.learning_rate(), 1e-3);
  EXPECT_EQ(filled.decoder_rate(), 1.0);
  EXPECT_EQ(filled.initial_decoder(), TrainingConfig::INITIAL_DECODER_RANDOM);
  EXPECT_EQ(filled.warmup_fraction(), 0.05);
  EXPECT_EQ(filled.decay_fraction(), 0.2);
  EXPECT_EQ(filled.batch_rows(), 1024);
  EXPECT_EQ(filled.epoch_count(), 24);
  EXPECT_EQ(filled.gradient_clip(), 1.0);
  EXPECT_EQ(filled.checkpoint_seconds(), 10.0);
  EXPECT_EQ(filled.architecture(), Sae::ARCHITECTURE_BATCH_TOPK);
  EXPECT_EQ(ToEngine(filled).matryoshka_prefixes, (std::vector<int>{8, 32, 128}));
  EXPECT_EQ(filled.revival(), TrainingConfig::REVIVAL_AUXILIARY_LOSS);
  EXPECT_EQ(filled.decay(), TrainingConfig::DECAY_LINEAR);
  EXPECT_FALSE(filled.has_early_stop());
  EXPECT_GE(filled.thread_count(), 1);
}

TEST(TrainingConfigTest, TheDefaultNumberOfLatentsFollowsTheDistinctActivations) {
  const auto latents = [](int dim, int64_t distinct_rows, auto change) {
    TrainingConfig config;
    change(config);
    BadRequest bad;
    const TrainingConfig filled = FillIn(config, {dim, distinct_rows}, "config", bad);
    EXPECT_TRUE(bad.ok()) << bad.ToStatus();
    return filled.latent_count();
  };
  const auto as_it_is = [](TrainingConfig&) {};
  EXPECT_EQ(latents(64, kAnyRows, as_it_is), 512);
  EXPECT_EQ(latents(64, 16 * 512, as_it_is), 512);
  EXPECT_EQ(latents(64, 16 * 512 - 1, as_it_is), 256);
  EXPECT_EQ(latents(64, 6040, as_it_is), 256);
  EXPECT_EQ(latents(64, 100, as_it_is), 32);
  EXPECT_EQ(latents(50, kAnyRows, as_it_is), 256);  // 8 d = 400
  EXPECT_EQ(latents(2, kAnyRows, as_it_is), 32);
  EXPECT_EQ(latents(1 << 18, kAnyRows, as_it_is), 1 << 20);
  // Not fewer than what was asked for needs.
  EXPECT_EQ(latents(64, 100, [](TrainingConfig& c) { c.set_k(40); }), 64);
  EXPECT_EQ(latents(64, 100, [](TrainingConfig& c) { c.add_matryoshka_prefixes(100); }), 128);
  // What was asked for, whatever the rows.
  EXPECT_EQ(latents(64, 100, [](TrainingConfig& c) { c.set_latent_count(999); }), 999);
  EXPECT_EQ(latents(64, 100, [](TrainingConfig& c) { c.set_expansion_factor(4); }), 256);
  EXPECT_EQ(latents(64, 100, [](TrainingConfig& c) { c.set_preset(TrainingConfig::PRESET_PAPER); }),
            1024);
  // As long as they are not counted nothing is chosen.
  BadRequest bad;
  const TrainingConfig open = FillIn({}, {64}, "config", bad);
  EXPECT_FALSE(open.has_latent_count());
  EXPECT_EQ(open.matryoshka_prefixes_size(), 0);
  EXPECT_FALSE(AsText(open).contains("latents"));
  EXPECT_EQ(FillIn(open, {64, 6040}, "config", bad).latent_count(), 256);
}

TEST(TrainingConfigTest, WarnsOfMoreLatentsThanTheActivationsBear) {
  TrainingConfig config;
  config.set_latent_count(512);
  EXPECT_EQ(LatentsWarning(Filled(config, 64), 512 * 16), "");
  EXPECT_THAT(
      LatentsWarning(Filled(config, 64), 512 * 16 - 1),
      AllOf(HasSubstr("512 latents"), HasSubstr("8191 distinct"), HasSubstr("at most 511")));
}

TEST(TrainingConfigTest, KIsAnnealedWhereThatIsAskedFor) {
  const auto annealing = [](auto change) {
    TrainingConfig config;
    change(config);
    const sae::TrainConfig engine = ToEngine(Filled(config, 64));
    return std::pair(engine.k_anneal_from, engine.k_anneal_fraction);
  };
  EXPECT_EQ(annealing([](TrainingConfig&) {}), std::pair(1.0, 0.0));
  EXPECT_EQ(annealing([](TrainingConfig& c) { c.set_k_anneal_from(3.0); }), std::pair(3.0, 0.9));
  EXPECT_EQ(annealing([](TrainingConfig& c) { c.set_k_anneal_fraction(0.5); }),
            std::pair(2.0, 0.5));
  EXPECT_EQ(annealing([](TrainingConfig& c) {
              c.set_preset(TrainingConfig::PRESET_PAPER);
              c.set_k_anneal_from(3.0);
            }),
            std::pair(3.0, 0.9));
  TrainingConfig config;
  config.set_k_anneal_from(0.5);
  config.set_k_anneal_fraction(1.5);
  EXPECT_THAT(Violations(config, 64),
              AllOf(HasSubstr("config.k_anneal_from: must be from 1 to 1000, is 0.5"),
                    HasSubstr("config.k_anneal_fraction: must be from 0 to 1, is 1.5")));
  config = TrainingConfig();
  config.set_architecture(Sae::ARCHITECTURE_RELU);
  config.set_k_anneal_from(2.0);
  EXPECT_THAT(Violations(config, 64), HasSubstr("config.k_anneal_from: is for PURSUIT"));
}

TEST(TrainingConfigTest, TheDecodersStartAndRateReachTheEngine) {
  TrainingConfig config;
  config.set_initial_decoder(TrainingConfig::INITIAL_DECODER_ROWS);
  config.set_decoder_rate(2.5);
  const TrainingConfig filled = Filled(config, 64);
  EXPECT_EQ(ToEngine(filled).initial_decoder, sae::InitialDecoder::kRows);
  EXPECT_EQ(ToEngine(filled).decoder_rate, 2.5);
  EXPECT_EQ(AsText(filled).at("initial_decoder"), "rows");
  EXPECT_EQ(AsText(filled).at("decoder_rate"), "2.5");
  config.set_decoder_rate(0);
  config.set_initial_decoder(static_cast<TrainingConfig::InitialDecoder>(9));
  EXPECT_THAT(Violations(config, 64), AllOf(HasSubstr("config.decoder_rate: must be from"),
                                            HasSubstr("config.initial_decoder: is unknown: 9")));
}

TEST(TrainingConfigTest, PrefixesCanBeDoneWithout) {
  TrainingConfig config;
  config.set_without_prefixes(true);
  EXPECT_EQ(Filled(config, 64).matryoshka_prefixes_size(), 0);
  EXPECT_EQ(AsText(Filled(config, 64)).at("matryoshka_prefixes"), "none");
  config.add_matryoshka_prefixes(8);
  EXPECT_THAT(Violations(config, 64), HasSubstr("config.without_prefixes: contradicts"));
}

TEST(TrainingConfigTest, ThePrefixesOfTheDefaultRecipeFollowItsLatents) {
  const auto prefixes = [](int latents, auto change) {
    TrainingConfig config;
    config.set_latent_count(latents);
    change(config);
    return ToEngine(Filled(config, 64)).matryoshka_prefixes;
  };
  const auto as_it_is = [](TrainingConfig&) {};
  EXPECT_EQ(prefixes(1024, as_it_is), (std::vector<int>{16, 64, 256}));
  EXPECT_EQ(prefixes(100, as_it_is), (std::vector<int>{6, 25}));
  EXPECT_EQ(prefixes(12, as_it_is), (std::vector<int>{}));
  // Who asks for others, or another architecture or preset, has what was asked for.
  EXPECT_EQ(prefixes(512, [](TrainingConfig& c) { c.add_matryoshka_prefixes(512); }),
            (std::vector<int>{512}));
  EXPECT_EQ(prefixes(512, [](TrainingConfig& c) { c.set_architecture(Sae::ARCHITECTURE_PURSUIT); }),
            (std::vector<int>{}));
  EXPECT_EQ(prefixes(512,
                     [](TrainingConfig& c) {
                       c.set_preset(TrainingConfig::PRESET_PAPER);
                       c.set_architecture(Sae::ARCHITECTURE_BATCH_TOPK);
                     }),
            (std::vector<int>{}));
}

TEST(TrainingConfigTest, PaperPresetAsDocumented) {
  TrainingConfig config;
  config.set_preset(TrainingConfig::PRESET_PAPER);
  const TrainingConfig filled = Filled(config, 64);
  EXPECT_EQ(filled.latent_count(), 1024);
  EXPECT_EQ(filled.k(), 8);
  EXPECT_EQ(filled.architecture(), Sae::ARCHITECTURE_TOPK_SIGNED);
  EXPECT_EQ(filled.learning_rate(), 1e-4);
  EXPECT_EQ(filled.warmup_fraction(), 0.0);
  EXPECT_EQ(filled.decay_fraction(), 0.0);
  EXPECT_EQ(filled.batch_rows(), 16);
  EXPECT_EQ(filled.epoch_count(), 50);
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
  config.set_thread_count(2);
  const TrainingConfig filled = Filled(config, 10);
  EXPECT_EQ(filled.latent_count(), 40);
  EXPECT_EQ(filled.aux_alpha(), 0.0);
  const sae::TrainConfig engine = ToEngine(filled);
  EXPECT_EQ(engine.latents, 40);
  EXPECT_EQ(engine.k, 3);
  EXPECT_EQ(engine.seed, 7u);
  EXPECT_EQ(engine.aux_weight, 0.0);
  EXPECT_EQ(engine.aux_k, 5);
  config.set_latent_count(33);
  EXPECT_EQ(Filled(config, 10).latent_count(), 33);
}

constexpr Sae::Architecture kArchitectures[] = {
    Sae::ARCHITECTURE_TOPK, Sae::ARCHITECTURE_TOPK_SIGNED, Sae::ARCHITECTURE_BATCH_TOPK,
    Sae::ARCHITECTURE_JUMP_RELU, Sae::ARCHITECTURE_RELU};

TEST(TrainingConfigTest, FillingInTwiceChangesNothing) {
  for (const auto architecture : kArchitectures) {
    for (const auto revival : {TrainingConfig::REVIVAL_AUXILIARY_LOSS,
                               TrainingConfig::REVIVAL_RESAMPLING, TrainingConfig::REVIVAL_NONE}) {
      TrainingConfig config;
      config.set_architecture(architecture);
      config.set_revival(revival);
      config.mutable_early_stop()->set_capture("recommenders/r/captures/dev");
      const TrainingConfig once = Filled(config, 48);
      EXPECT_EQ(Filled(once, 48).SerializeAsString(), once.SerializeAsString());
      const sae::TrainConfig engine = ToEngine(once);
      EXPECT_TRUE(FindViolations(engine).empty());
      EXPECT_EQ(static_cast<int>(engine.architecture), static_cast<int>(architecture));
      EXPECT_EQ(static_cast<int>(engine.revival), static_cast<int>(revival));
    }
  }
}

TEST(TrainingConfigTest, DefaultsOfEachChoiceAsDocumented) {
  TrainingConfig config;
  config.set_architecture(Sae::ARCHITECTURE_JUMP_RELU);
  config.set_revival(TrainingConfig::REVIVAL_RESAMPLING);
  config.set_decay(TrainingConfig::DECAY_COSINE);
  config.mutable_early_stop()->set_capture("recommenders/r/captures/dev");
  TrainingConfig filled = Filled(config, 64);
  EXPECT_EQ(filled.sparsity_weight(), 1.0);
  EXPECT_EQ(filled.bandwidth(), 0.1);
  EXPECT_EQ(filled.resample_every_rows(), 1'000'000);
  EXPECT_FALSE(filled.has_k_aux());
  EXPECT_FALSE(filled.has_aux_alpha());
  EXPECT_EQ(filled.early_stop().metric(), EarlyStop::METRIC_FVU);
  EXPECT_EQ(filled.early_stop().patience(), 3);
  EXPECT_EQ(filled.early_stop().max_rows(), 20'000);
  EXPECT_EQ(ToEngine(filled).decay_shape, sae::DecayShape::kCosine);
  EXPECT_EQ(ToEngine(filled).sparsity_weight, 1.0);

  config.set_architecture(Sae::ARCHITECTURE_RELU);
  filled = Filled(config, 64);
  EXPECT_FALSE(filled.has_sparsity_weight());  // adapted to k
  EXPECT_EQ(ToEngine(filled).sparsity_weight, 0.0);
  config.set_sparsity_weight(0.5);
  EXPECT_EQ(ToEngine(Filled(config, 64)).sparsity_weight, 0.5);

  config.Clear();
  config.set_architecture(Sae::ARCHITECTURE_BATCH_TOPK);
  for (const int prefix : {64, 256, 512}) config.add_matryoshka_prefixes(prefix);
  EXPECT_EQ(ToEngine(Filled(config, 64)).matryoshka_prefixes, (std::vector<int>{64, 256, 512}));
}

TEST(TrainingConfigTest, RefusesWhatDoesNotFitTheArchitecture) {
  for (const auto architecture : kArchitectures) {
    const bool jump_relu = architecture == Sae::ARCHITECTURE_JUMP_RELU;
    const bool thresholds = jump_relu || architecture == Sae::ARCHITECTURE_RELU;
    const auto refused = [&](const char* field, auto set) {
      TrainingConfig config;
      config.set_architecture(architecture);
      set(config);
      return Violations(config, 64).find(std::string("config.") + field) != std::string::npos;
    };
    EXPECT_EQ(refused("matryoshka_prefixes", [](auto& c) { c.add_matryoshka_prefixes(8); }),
              thresholds);
    EXPECT_EQ(refused("sparsity_weight", [](auto& c) { c.set_sparsity_weight(1); }), !thresholds);
    EXPECT_EQ(refused("bandwidth", [](auto& c) { c.set_bandwidth(1); }), !jump_relu);
  }
}

TEST(TrainingConfigTest, RefusesWhatDoesNotFitTheRevival) {
  TrainingConfig config;
  config.set_resample_every_rows(10);
  EXPECT_NE(Violations(config, 64).find("config.resample_every_rows"), std::string::npos);
  config.set_revival(TrainingConfig::REVIVAL_RESAMPLING);
  EXPECT_EQ(Violations(config, 64), "");
  config.set_k_aux(3);
  config.set_aux_alpha(0.5);
  EXPECT_NE(Violations(config, 64).find("config.k_aux"), std::string::npos);
  EXPECT_NE(Violations(config, 64).find("config.aux_alpha"), std::string::npos);
}

TEST(TrainingConfigTest, MatryoshkaPrefixesRiseUpToTheNumberOfLatents) {
  const auto violations = [](std::vector<int> prefixes, int dim) {
    TrainingConfig config;
    for (const int prefix : prefixes) config.add_matryoshka_prefixes(prefix);
    return Violations(config, dim);
  };
  EXPECT_EQ(violations({16, 512}, 64), "");
  EXPECT_EQ(violations({16, 1025}, 0), "");  // depends on the dimension
  for (const std::vector<int>& bad :
       {std::vector<int>{0}, {8, 8}, {8, 4}, {16, 1025}, std::vector<int>(17, 1)}) {
    EXPECT_NE(violations(bad, 64).find("config.matryoshka_prefixes"), std::string::npos);
  }
}

TEST(TrainingConfigTest, NamesEveryViolationAtOnce) {
  TrainingConfig config;
  config.set_latent_count(0);
  config.set_k(0);
  config.set_k_aux(-1);
  config.set_aux_alpha(-1);
  config.set_dead_after_rows(0);
  config.set_learning_rate(std::numeric_limits<double>::quiet_NaN());
  config.set_warmup_fraction(0.7);
  config.set_decay_fraction(0.7);
  config.set_batch_rows(0);
  config.set_epoch_count(0);
  config.set_gradient_clip(-0.5);
  config.set_thread_count(-1);
  config.set_checkpoint_seconds(-1);
  config.set_architecture(Sae::ARCHITECTURE_JUMP_RELU);
  config.set_sparsity_weight(0);
  config.set_bandwidth(0);
  config.set_decay(static_cast<TrainingConfig::Decay>(9));
  config.mutable_early_stop()->set_capture("dev");
  config.mutable_early_stop()->set_metric(static_cast<EarlyStop::Metric>(9));
  config.mutable_early_stop()->set_patience(0);
  config.mutable_early_stop()->set_max_rows(0);
  const std::string message = Violations(config, 0);
  for (const char* field :
       {"latent_count", "k", "k_aux", "aux_alpha", "dead_after_rows", "learning_rate",
        "decay_fraction", "batch_rows", "epoch_count", "gradient_clip", "thread_count",
        "checkpoint_seconds", "sparsity_weight", "bandwidth", "decay", "early_stop.capture",
        "early_stop.metric", "early_stop.patience", "early_stop.max_rows"}) {
    EXPECT_NE(message.find(absl::StrCat("config.", field, ": ")), std::string::npos)
        << field << " in: " << message;
  }
}

TEST(TrainingConfigTest, KAboveTheNumberOfLatents) {
  TrainingConfig config;
  config.set_latent_count(8);
  config.set_k(9);
  EXPECT_NE(Violations(config, 0).find("config.k"), std::string::npos);
  config.clear_latent_count();
  config.set_expansion_factor(1);
  EXPECT_EQ(Violations(config, 0), "");  // depends on the dimension
  EXPECT_NE(Violations(config, 8).find("config.k"), std::string::npos);
  EXPECT_EQ(Violations(config, 9), "");
}

// All latents of a ReLU may be active in every row, and a step numbers them in 32 bits.
TEST(TrainingConfigTest, BatchTooLargeForItsLatents) {
  TrainingConfig config;
  config.set_latent_count(1 << 20);
  config.set_batch_rows(1 << 16);
  config.set_architecture(Sae::ARCHITECTURE_TOPK);
  EXPECT_EQ(Violations(config, 64), "");
  config.set_architecture(Sae::ARCHITECTURE_RELU);
  EXPECT_NE(Violations(config, 64).find("config.batch_rows: is 65536; expected at most 2047"),
            std::string::npos)
      << Violations(config, 64);
  config.clear_latent_count();
  config.set_expansion_factor(1 << 14);
  EXPECT_EQ(Violations(config, 0), "");
  EXPECT_NE(Violations(config, 64).find("config.batch_rows"), std::string::npos);
}

TEST(TrainingConfigTest, UnknownChoicesAndTooManyLatents) {
  TrainingConfig config;
  config.set_preset(static_cast<TrainingConfig::Preset>(17));
  config.set_architecture(static_cast<Sae::Architecture>(17));
  config.set_revival(static_cast<TrainingConfig::Revival>(17));
  for (const char* field : {"config.preset", "config.architecture", "config.revival"}) {
    EXPECT_NE(Violations(config, 64).find(field), std::string::npos) << field;
  }
  config.Clear();
  config.set_expansion_factor(1 << 20);
  EXPECT_NE(Violations(config, 64).find("config.expansion_factor"), std::string::npos);
}

TEST(TrainingConfigTest, TextHoldsTheWholeRecipe) {
  auto text = AsText(Filled({}, 64));
  EXPECT_EQ(text.at("preset"), "default");
  EXPECT_EQ(text.at("latents"), "512");
  EXPECT_EQ(text.at("k"), "8");
  EXPECT_EQ(text.at("learning_rate"), "0.001");
  EXPECT_EQ(text.at("seed"), "0");
  EXPECT_EQ(text.at("architecture"), "batch-topk");
  EXPECT_EQ(text.at("matryoshka_prefixes"), "8,32,128");
  EXPECT_EQ(text.at("revival"), "auxiliary-loss");
  EXPECT_EQ(text.at("aux_alpha"), "0.03125");
  EXPECT_EQ(text.at("decay"), "linear");
  for (const char* absent : {"sparsity_weight", "bandwidth", "resample_every_rows"}) {
    EXPECT_FALSE(text.contains(absent)) << absent;
  }

  TrainingConfig config;
  config.set_preset(TrainingConfig::PRESET_PAPER);
  for (const int prefix : {64, 256, 1024}) config.add_matryoshka_prefixes(prefix);
  config.mutable_early_stop()->set_capture("recommenders/r/captures/dev");
  config.mutable_early_stop()->set_metric(EarlyStop::METRIC_NDCG);
  text = AsText(Filled(config, 64));
  EXPECT_EQ(text.at("preset"), "paper");
  EXPECT_EQ(text.at("architecture"), "topk-signed");
  EXPECT_EQ(text.at("matryoshka_prefixes"), "64,256,1024");
  EXPECT_EQ(text.at("early_stop"), "recommenders/r/captures/dev");
  EXPECT_EQ(text.at("early_stop_metric"), "ndcg");
  EXPECT_EQ(text.at("early_stop_patience"), "3");

  config.Clear();
  config.set_architecture(Sae::ARCHITECTURE_RELU);
  config.set_revival(TrainingConfig::REVIVAL_RESAMPLING);
  text = AsText(Filled(config, 64));
  EXPECT_EQ(text.at("architecture"), "relu");
  EXPECT_EQ(text.at("sparsity_weight"), "adapted");
  EXPECT_EQ(text.at("resample_every_rows"), "1000000");
  EXPECT_FALSE(text.contains("aux_alpha"));
}

TEST(DifferencesTest, SameNameIsNotSameThing) {
  constexpr char kCapture[] = "recommenders/r/captures/c";
  BadRequest bad;
  v1::TrainingConfig config;
  const v1::TrainingConfig usual = FillIn(config, {64, kAnyRows}, "config", bad);
  config.set_k(16);
  config.set_learning_rate(0.5);
  config.set_thread_count(1);
  config.set_checkpoint_seconds(77);
  const v1::TrainingConfig other = FillIn(config, {64, kAnyRows}, "config", bad);
  ASSERT_TRUE(bad.ok()) << bad.ToStatus();
  concept_store::v1::Sae made;
  made.set_capture(kCapture);
  made.set_capture_uid("first");
  for (const auto& [name, value] : AsText(usual)) {
    (*made.mutable_report()->mutable_hyper_parameters())[name] = value;
  }
  EXPECT_EQ(Differences(made, kCapture, "first", usual), "");
  EXPECT_EQ(Differences(made, kCapture, "second", usual),
            "recommenders/r/captures/c was made anew since");
  EXPECT_EQ(Differences(made, "recommenders/r/captures/d", "first", usual),
            "capture is recommenders/r/captures/c, asked for recommenders/r/captures/d");
  EXPECT_THAT(Differences(made, kCapture, "first", other),
              AllOf(HasSubstr("k is 8, asked for 16"), HasSubstr("learning_rate is "),
                    Not(HasSubstr("thread")), Not(HasSubstr("checkpoint"))));
  // One of an earlier version, which knows neither its capture's uid nor how it was trained.
  made.clear_capture_uid();
  made.mutable_report()->clear_hyper_parameters();
  EXPECT_EQ(Differences(made, kCapture, "second", other), "");
}

TEST(QualityWarningTest, IsOfDeadOrWorseThanTheMean) {
  EXPECT_EQ(QualityWarning(0.9, 0.99), "");
  EXPECT_NE(QualityWarning(1.5, 0.2).find("FVU is 1.5"), std::string::npos);
  EXPECT_NE(QualityWarning(1.0, 1.0).find("none of its latents"), std::string::npos);
}

}  // namespace
}  // namespace recsae::trainer
