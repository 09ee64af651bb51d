#include "clients/cli/flags/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/text/errors.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::Sae;
using testing::ElementsAre;
using testing::HasSubstr;
using trainer::v1::TrainingConfig;
using trainer::v1::TrainSaesRequest;

constexpr char kCapture[] = "recommenders/movies/captures/train";

TrainSaesRequest Sweep(const SaeFlags& flags, const std::vector<uint64_t>& seeds = {}) {
  const auto sweep = MakeSweep("movies", kCapture, flags, seeds);
  EXPECT_TRUE(sweep.ok()) << sweep.status();
  return *sweep;
}

std::vector<std::string> Ids(const TrainSaesRequest& sweep) {
  std::vector<std::string> ids;
  for (const auto& variant : sweep.variants()) ids.push_back(variant.sae_id());
  return ids;
}

std::string ErrorOf(const SaeFlags& flags, const std::vector<uint64_t>& seeds = {},
                    const std::string& id = "movies") {
  const absl::Status status = MakeSweep(id, kCapture, flags, seeds).status();
  EXPECT_EQ(ExitStatus(status), 2) << status;
  return std::string(status.message());
}

TEST(MakeSweep, ASingleOneKeepsItsName) {
  SaeFlags flags;
  flags.k = {4};
  flags.architecture = {"batch-topk"};
  const TrainSaesRequest sweep = Sweep(flags, {7});
  EXPECT_EQ(sweep.capture(), kCapture);
  EXPECT_THAT(Ids(sweep), ElementsAre("movies"));
  const TrainingConfig& config = sweep.variants(0).config();
  EXPECT_EQ(config.k(), 4);
  EXPECT_EQ(config.seed(), 7U);
  EXPECT_EQ(config.architecture(), Sae::ARCHITECTURE_BATCH_TOPK);
  EXPECT_FALSE(config.has_latent_count());
  EXPECT_FALSE(config.has_learning_rate());
  EXPECT_EQ(Sweep({}).variants(0).config().seed(), 0U);
}

TEST(MakeSweep, EveryCombinationIsNamedByWhatVaries) {
  SaeFlags flags;
  flags.k = {8, 16};
  flags.latents = {512};
  const TrainSaesRequest sweep = Sweep(flags, {1, 2});
  EXPECT_THAT(Ids(sweep), ElementsAre("movies-k8-seed1", "movies-k8-seed2", "movies-k16-seed1",
                                      "movies-k16-seed2"));
  for (int i = 0; i < 4; ++i) {
    const TrainingConfig& config = sweep.variants(i).config();
    EXPECT_EQ(config.k(), i < 2 ? 8 : 16);
    EXPECT_EQ(config.seed(), static_cast<uint64_t>(1 + i % 2));
    EXPECT_EQ(config.latent_count(), 512);
  }
  flags = {};
  flags.architecture = {"topk", "jump-relu"};
  flags.latents = {64, 128};
  flags.learning_rate = {1e-3, 1e-5};
  EXPECT_EQ(Ids(Sweep(flags))[7], "movies-jump-relu-f128-lr1e-05");
}

TEST(MakeSweep, OptionsOfSomeArchitecturesAreLeftOutForTheOthers) {
  SaeFlags flags;
  flags.architecture = {"topk", "jump-relu", "relu"};
  flags.sparsity_weight = 0.5;
  flags.bandwidth = 0.2;
  flags.matryoshka = {"64", "256"};
  const TrainSaesRequest sweep = Sweep(flags);
  const auto config = [&](int i) -> const TrainingConfig& { return sweep.variants(i).config(); };
  EXPECT_EQ(config(0).matryoshka_prefixes_size(), 2);
  EXPECT_FALSE(config(0).has_sparsity_weight());
  EXPECT_FALSE(config(0).has_bandwidth());
  EXPECT_EQ(config(1).matryoshka_prefixes_size(), 0);
  EXPECT_EQ(config(1).sparsity_weight(), 0.5);
  EXPECT_EQ(config(1).bandwidth(), 0.2);
  EXPECT_EQ(config(2).sparsity_weight(), 0.5);
  EXPECT_FALSE(config(2).has_bandwidth());
  // What none of them has is for the trainer to refuse.
  flags.architecture = {"topk", "batch-topk"};
  EXPECT_TRUE(Sweep(flags).variants(1).config().has_bandwidth());
  flags.architecture = {"topk"};
  EXPECT_TRUE(Sweep(flags).variants(0).config().has_bandwidth());
}

TEST(MakeSweep, RefusesWhatCannotBe) {
  SaeFlags flags;
  flags.k = {8, 16, 8};
  EXPECT_THAT(ErrorOf(flags), HasSubstr("--k names 8 twice"));
  flags.k = {1, 2, 3, 4, 5};
  std::vector<uint64_t> seeds(13);
  for (size_t i = 0; i < seeds.size(); ++i) seeds[i] = i;
  EXPECT_THAT(ErrorOf(flags, seeds), HasSubstr("64"));
  seeds.pop_back();
  EXPECT_EQ(Sweep(flags, seeds).variants_size(), 60);
  EXPECT_THAT(ErrorOf(flags, seeds, std::string(60, 'x')), HasSubstr("name of a variant"));
}

TEST(MakeTrainingConfig, SetsWhatTheFlagsSay) {
  SaeFlags flags;
  flags.architecture = {"topk-signed"};
  flags.matryoshka = {"64", "256", "1024"};
  flags.revival = "resampling";
  flags.resample_every_rows = 5000;
  flags.decay_shape = "cosine";
  flags.early_stop = "dev";
  flags.early_stop_metric = "ndcg";
  flags.patience = 2;
  flags.early_stop_rows = 100;
  auto config = MakeTrainingConfig(flags, 3, kCapture);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->architecture(), Sae::ARCHITECTURE_TOPK_SIGNED);
  EXPECT_THAT(config->matryoshka_prefixes(), ElementsAre(64, 256, 1024));
  EXPECT_EQ(config->revival(), TrainingConfig::REVIVAL_RESAMPLING);
  EXPECT_EQ(config->resample_every_rows(), 5000);
  EXPECT_EQ(config->decay(), TrainingConfig::DECAY_COSINE);
  EXPECT_EQ(config->early_stop().capture(), "recommenders/movies/captures/dev");
  EXPECT_EQ(config->early_stop().metric(), trainer::v1::EarlyStop::METRIC_NDCG);
  EXPECT_EQ(config->early_stop().patience(), 2);
  EXPECT_EQ(config->early_stop().max_rows(), 100);
  flags.early_stop = "other/dev";
  EXPECT_EQ(MakeTrainingConfig(flags, 3, kCapture)->early_stop().capture(),
            "recommenders/other/captures/dev");
  flags.early_stop = "Not A Name";
  EXPECT_FALSE(MakeTrainingConfig(flags, 3, kCapture).ok());
  flags.early_stop = "";
  EXPECT_EQ(ExitStatus(MakeTrainingConfig(flags, 3, kCapture).status()), 2);
}

TEST(MakeTrainingConfig, NoneOfThePrefixes) {
  SaeFlags flags;
  EXPECT_FALSE(MakeTrainingConfig(flags, 0, kCapture)->without_prefixes());
  flags.matryoshka = {"none"};
  const auto config = MakeTrainingConfig(flags, 0, kCapture);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->without_prefixes());
  EXPECT_EQ(config->matryoshka_prefixes_size(), 0);
  flags.matryoshka = {"none", "64"};
  EXPECT_EQ(ExitStatus(MakeTrainingConfig(flags, 0, kCapture).status()), 2);
}

TEST(MakeTrainingConfig, EveryArchitectureHasItsName) {
  for (const auto architecture :
       {Sae::ARCHITECTURE_TOPK, Sae::ARCHITECTURE_TOPK_SIGNED, Sae::ARCHITECTURE_BATCH_TOPK,
        Sae::ARCHITECTURE_JUMP_RELU, Sae::ARCHITECTURE_RELU}) {
    SaeFlags flags;
    flags.architecture = {ArchitectureName(architecture)};
    EXPECT_EQ(MakeTrainingConfig(flags, 0, kCapture)->architecture(), architecture);
  }
  EXPECT_EQ(ArchitectureName(Sae::ARCHITECTURE_TOPK_SIGNED), "topk-signed");
}

// What `recsae saes train` and `recsae pipeline` make of a command line.
SaeFlags Parse(const std::string& prefix, Values values, const std::string& arguments) {
  CLI::App app;
  SaeFlags flags;
  std::string positional;
  app.add_option("SAE", positional);
  Command command(app);
  AddSaeFlags(command, prefix, values, flags);
  app.parse(absl::StrCat("program ", arguments), true);
  EXPECT_EQ(positional, "movies");
  return flags;
}

TEST(AddSaeFlags, ListsAreSeparatedByCommas) {
  const SaeFlags flags = Parse("", Values::kLists,
                               "--k 8,16 --architecture topk,relu --learning-rate 1e-3,1e-4 "
                               "--latents 64,128 --matryoshka 16,32 movies");
  EXPECT_THAT(flags.k, ElementsAre(8, 16));
  EXPECT_THAT(flags.architecture, ElementsAre("topk", "relu"));
  EXPECT_THAT(flags.learning_rate, ElementsAre(1e-3, 1e-4));
  EXPECT_THAT(flags.latents, ElementsAre(64, 128));
  EXPECT_THAT(flags.matryoshka, ElementsAre("16", "32"));
}

TEST(AddSaeFlags, OneValueEachWhereListsAreNotMeant) {
  const SaeFlags flags =
      Parse("sae-", Values::kOne,
            "--k 8 --architecture relu --sae-learning-rate 1e-3 --matryoshka 16,32 "
            "--sae-early-stop dev --sae-decay-shape cosine movies");
  EXPECT_THAT(flags.k, ElementsAre(8));
  EXPECT_THAT(flags.matryoshka, ElementsAre("16", "32"));
  EXPECT_EQ(flags.early_stop, "dev");
  EXPECT_THROW(Parse("", Values::kOne, "--k 8,16 movies"), CLI::ParseError);
  EXPECT_THROW(Parse("", Values::kOne, "--architecture topk,relu movies"), CLI::ParseError);
  EXPECT_THROW(Parse("", Values::kLists, "--architecture topk,none movies"), CLI::ParseError);
  EXPECT_THROW(Parse("", Values::kLists, "--revival never movies"), CLI::ParseError);
  EXPECT_THROW(Parse("", Values::kLists, "--matryoshka 8,few movies"), CLI::ParseError);
  EXPECT_THAT(Parse("", Values::kLists, "--matryoshka none movies").matryoshka,
              ElementsAre("none"));
}

}  // namespace
}  // namespace recsae::cli
