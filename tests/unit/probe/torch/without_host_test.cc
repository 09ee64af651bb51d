// A probe without recsae-torch-host: what it trains, and how it refuses the rest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/status.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/recommenders/factory.h"
#include "services/probe/recommenders/kinds/general.h"
#include "services/probe/torch/torch_hosts.h"

namespace recsae::probe {
namespace {

using testing::HasSubstr;

RecommenderOptions Short(RecommenderKind kind) {
  RecommenderOptions options = DefaultOptions(kind);
  options.max_epochs = 1;
  options.threads = 1;
  options.clusters = 8;
  return options;
}

const Dataset& Planted() {
  static const Dataset dataset =
      *GeneratePlanted({.users = 100, .items = 120, .concepts = 4, .max_length = 30});
  return dataset;
}

StoredModule Module() {
  StoredModule module;
  module.options = DefaultOptions(RecommenderKind::kTorchscript);
  module.item_vectors.assign(64, 1);
  return module;
}

void ExpectRefused(const absl::Status& status, const std::string& kind) {
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_EQ(Reason(status), "RECOMMENDER_KIND_UNAVAILABLE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("kind " + kind + " need recsae-torch-host"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nowhere/recsae-torch-host"));
}

const TorchHosts& Nowhere(bool allow_modules = true) {
  static const TorchHosts allowing(
      {.program = "/nowhere/recsae-torch-host", .allow_modules = true});
  static const TorchHosts refusing({.program = "/nowhere/recsae-torch-host"});
  return allow_modules ? allowing : refusing;
}

TEST(WithoutHostTest, SequenceModelsAreRefused) {
  ExpectRefused(Nowhere().CheckAvailable(RecommenderKind::kSasrec), "SASREC");
  ExpectRefused(NewRecommender(Short(RecommenderKind::kSasrec), Nowhere()).status(), "SASREC");
  ExpectRefused(NewRecommender(Short(RecommenderKind::kTimirec), Nowhere()).status(), "TIMIREC");
  ExpectRefused(NewRecommender(Short(RecommenderKind::kGpt), Nowhere()).status(), "GPT");
  ExpectRefused(NewRecommender(Short(RecommenderKind::kBert4rec), Nowhere()).status(), "BERT4REC");
}

TEST(WithoutHostTest, ModulesAreRefused) {
  ExpectRefused(Nowhere().CheckAvailable(RecommenderKind::kTorchscript), "TORCHSCRIPT");
  ExpectRefused(Nowhere().Import(Module(), 0, {}).status(), "TORCHSCRIPT");
}

TEST(WithoutHostTest, ModulesThatAreNotWantedAreRefusedFirst) {
  const absl::Status status = Nowhere(false).Import(Module(), 0, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(status), "MODULES_DISABLED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("--allow-modules"));
  EXPECT_EQ(Reason(Nowhere(false).Load(PackModule(Module())).status()), "MODULES_DISABLED");
}

TEST(WithoutHostTest, EcfIsRefusedInTrainingAndServedAsStored) {
  ExpectRefused(NewRecommender(Short(RecommenderKind::kEcf), Nowhere()).status(), "ECF");
  GeneralRecommender ecf(Short(RecommenderKind::kEcf));
  ASSERT_TRUE(ecf.Load({{"users", {{2, 8}, std::vector<float>(16, 1)}},
                        {"items", {{3, 8}, std::vector<float>(24, 2)}}})
                  .ok());
  const auto loaded = LoadRecommender(ecf.Save(), Nowhere());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)->items(), 3);
}

TEST(WithoutHostTest, TheOthersLearnAndAreStored) {
  for (const RecommenderKind kind :
       {RecommenderKind::kBprmf, RecommenderKind::kLightgcn, RecommenderKind::kDistillemb}) {
    EXPECT_TRUE(Nowhere().CheckAvailable(kind).ok());
    const auto model = NewRecommender(Short(kind), Nowhere());
    ASSERT_TRUE(model.ok()) << model.status();
    const auto report = (*model)->Train(Planted(), {});
    ASSERT_TRUE(report.ok()) << report.status();
    const auto loaded = LoadRecommender((*model)->Save(), Nowhere());
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ((*loaded)->item_vectors(), (*model)->item_vectors());
  }
}

}  // namespace
}  // namespace recsae::probe
