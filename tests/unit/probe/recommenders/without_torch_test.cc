// A build without libtorch (RECSAE_TORCH=OFF): what it trains, and how it refuses the rest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/status.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/recommenders/factory.h"
#include "services/probe/recommenders/torch/torch_kinds.h"

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

void ExpectRefused(const absl::Status& status, const std::string& kind) {
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_EQ(Reason(status), "RECOMMENDER_KIND_UNAVAILABLE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("kind " + kind + " need libtorch"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("RECSAE_TORCH=ON"));
}

TEST(WithoutTorchTest, SequenceModelsAreRefused) {
  ExpectRefused(CheckTrainable(RecommenderKind::kSasrec), "SASREC");
  ExpectRefused(NewRecommender(Short(RecommenderKind::kSasrec)).status(), "SASREC");
  ExpectRefused(NewRecommender(Short(RecommenderKind::kTimirec)).status(), "TIMIREC");
}

TEST(WithoutTorchTest, ModulesAreRefused) {
  ExpectRefused(CheckTrainable(RecommenderKind::kTorchscript), "TORCHSCRIPT");
  ExpectRefused(ImportTorchscript({}).status(), "TORCHSCRIPT");
}

TEST(WithoutTorchTest, EcfIsRefusedInTrainingAlone) {
  const auto ecf = NewRecommender(Short(RecommenderKind::kEcf));
  ASSERT_TRUE(ecf.ok()) << ecf.status();
  ExpectRefused((*ecf)->Train(Planted(), {}).status(), "ECF");
}

TEST(WithoutTorchTest, TheOthersLearnAndAreStored) {
  for (const RecommenderKind kind :
       {RecommenderKind::kBprmf, RecommenderKind::kLightgcn, RecommenderKind::kDistillemb}) {
    EXPECT_TRUE(CheckTrainable(kind).ok());
    const auto model = NewRecommender(Short(kind));
    ASSERT_TRUE(model.ok()) << model.status();
    const auto report = (*model)->Train(Planted(), {});
    ASSERT_TRUE(report.ok()) << report.status();
    const auto loaded = LoadRecommender((*model)->Save());
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ((*loaded)->item_vectors(), (*model)->item_vectors());
  }
}

}  // namespace
}  // namespace recsae::probe
