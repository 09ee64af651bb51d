#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "clients/cli/reproduce/cell.h"
#include "clients/cli/reproduce/first_block.h"
#include "clients/cli/reproduce/made_saes.h"
#include "clients/cli/reproduce/runner.h"
#include "clients/cli/reproduce/steering.h"
#include "clients/cli/reproduce/study.h"
#include "common/base/status.h"
#include "common/sae/model.h"
#include "recsae/probe/v1/probe.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const CellId kCell = {"ml", "bprmf", "sae", 2};

class CellStoreTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(out_); }
  void TearDown() override { std::filesystem::remove_all(out_); }

  absl::StatusOr<CellStore> Open(const std::string& settings = "--sae-epochs 2") {
    return CellStore::Open(out_, settings);
  }
  void WriteFile(const std::string& name, const std::string& content) {
    std::filesystem::create_directories(out_ + "/cells");
    std::ofstream(out_ + "/cells/" + name) << content;
  }

  const std::string out_ = testing::TempDir() + "/cell_store_test" + std::to_string(getpid());
};

TEST_F(CellStoreTest, FindsInTheNextRunWhatWasFinished) {
  auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_FALSE(store->Finished(kCell));
  ASSERT_TRUE(store->Write(kCell, 1.5, {{"fvu", 0.25}}).ok());
  EXPECT_TRUE(store->Finished(kCell));

  const auto again = Open();
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_TRUE(again->Finished(kCell));
  EXPECT_EQ(again->Find(kCell)->at("fvu"), 0.25);
  EXPECT_EQ(again->Find(kCell)->at("seconds"), 1.5);
  CellId other = kCell;
  other.seed = 1;
  EXPECT_FALSE(again->Finished(other));
}

TEST_F(CellStoreTest, WritesACellOverTheOneBefore) {
  auto store = Open();
  ASSERT_TRUE(store->Write(kCell, 1, {{"refused", "no such kind"}}).ok());
  EXPECT_NE(store->Find(kCell), nullptr);
  EXPECT_FALSE(store->Finished(kCell));
  ASSERT_TRUE(store->Write(kCell, 1, {{"fvu", 0.5}}).ok());
  EXPECT_TRUE(store->Finished(kCell));
  EXPECT_THAT(store->cells(), SizeIs(1));
  EXPECT_TRUE(Open()->Finished(kCell));
}

TEST_F(CellStoreTest, TakesNoNoticeOfACellThatWasNotWrittenWhole) {
  WriteFile("ml.bprmf.sae.seed2.json.part", "{\"dataset\": \"ml\", ");
  const auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_FALSE(store->Finished(kCell));
}

TEST_F(CellStoreTest, NamesAFileThatIsNoCell) {
  for (const char* content :
       {"", "{", "[]", "{}",
        R"({"dataset":"x","recommender":"y","method":"z","settings":"","seed":2})"}) {
    WriteFile("ml.bprmf.sae.seed2.json", content);
    const auto store = Open();
    EXPECT_EQ(Reason(store.status()), "CELL_MALFORMED") << content;
    EXPECT_THAT(std::string(store.status().message()), HasSubstr("ml.bprmf.sae.seed2.json"));
  }
}

TEST_F(CellStoreTest, RefusesCellsOfOtherSettings) {
  ASSERT_TRUE(Open()->Write(kCell, 1, ordered_json::object()).ok());
  const auto other = Open("--sae-epochs 3");
  EXPECT_EQ(Reason(other.status()), "SETTINGS_DIFFER");
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("--sae-epochs 2"));
}

TEST_F(CellStoreTest, EstimatesByWhatIsMostAlike) {
  auto store = Open();
  const auto estimate = [&](const CellId& cell) { return EstimateSeconds(*store, {cell, cell}); };
  EXPECT_EQ(estimate(kCell), std::nullopt);
  ASSERT_TRUE(store->Write({"ml", "sasrec", "raw", 1}, 30, ordered_json::object()).ok());
  EXPECT_EQ(estimate(kCell), 60);
  ASSERT_TRUE(store->Write({"ml", "sasrec", "sae", 1}, 10, ordered_json::object()).ok());
  EXPECT_EQ(estimate(kCell), 20);
  ASSERT_TRUE(store->Write({"ml", "bprmf", "sae", 1}, 4, ordered_json::object()).ok());
  EXPECT_EQ(estimate(kCell), 8);
  // Unlike all of them.
  EXPECT_DOUBLE_EQ(*EstimateSeconds(*store, {{"ml", "bprmf", "s2-k8", 1}}), 44.0 / 3);
}

TEST(SweepPointTest, IsReadFromTheMethod) {
  const auto point = ParseSweep(SweepMethod({32, 4}));
  ASSERT_TRUE(point);
  EXPECT_EQ(point->expansion, 32);
  EXPECT_EQ(point->k, 4);
  for (const char* method : {"sae", "steer", "raw", "s4", "s4-k", "sx-k2"}) {
    EXPECT_FALSE(ParseSweep(method)) << method;
  }
}

std::vector<std::string> Keys(const char* study, const ReproduceFlags& flags) {
  const auto cells = PlanCells(study, flags);
  EXPECT_TRUE(cells.ok()) << cells.status();
  std::vector<std::string> keys;
  for (const CellId& cell : *cells) keys.push_back(CellKey(cell));
  return keys;
}

ReproduceFlags OneRecommender() {
  ReproduceFlags flags;
  flags.datasets = {"d"};
  flags.recommenders = {"bprmf"};
  flags.seeds = {1, 2};
  return flags;
}

TEST(PlanCellsTest, MeasuresTheRecommenderThenItsSaes) {
  EXPECT_THAT(Keys("table3", OneRecommender()),
              ElementsAre("d.bprmf.recommender.seed1", "d.bprmf.raw.seed1", "d.bprmf.random.seed1",
                          "d.bprmf.sae.seed1", "d.bprmf.recommender.seed2", "d.bprmf.raw.seed2",
                          "d.bprmf.random.seed2", "d.bprmf.sae.seed2"));
  EXPECT_THAT(Keys("table7", OneRecommender()),
              ElementsAre("d.bprmf.recommender.seed1", "d.bprmf.sae.seed1", "d.bprmf.steer.seed1"));
}

TEST(PlanCellsTest, SweepsShareTheTrainedSae) {
  EXPECT_THAT(
      Keys("fig5", OneRecommender()),
      ElementsAre("d.bprmf.recommender.seed1", "d.bprmf.sae.seed1", "d.bprmf.s16-k2.seed1",
                  "d.bprmf.s16-k4.seed1", "d.bprmf.s16-k16.seed1", "d.bprmf.s16-k32.seed1"));
  ReproduceFlags flags = OneRecommender();
  flags.sae_flags.k = {4};
  flags.sae_flags.expansion = 8;
  EXPECT_THAT(Keys("fig4", flags),
              ElementsAre("d.bprmf.recommender.seed1", "d.bprmf.sae.seed1", "d.bprmf.s2-k4.seed1",
                          "d.bprmf.s4-k4.seed1", "d.bprmf.s16-k4.seed1", "d.bprmf.s32-k4.seed1"));
  flags.sae_flags.latents = {64};
  EXPECT_THAT(std::string(PlanCells("fig4", flags).status().message()), HasSubstr("--expansion"));
}

TEST(PlanCellsTest, EverythingHasNoCellTwiceAndKeepsGroupsTogether) {
  const auto cells = PlanCells("all", OneRecommender());
  ASSERT_TRUE(cells.ok());
  std::vector<std::string> keys;
  std::vector<std::string> groups;
  for (const CellId& cell : *cells) {
    keys.push_back(CellKey(cell));
    const std::string group = cell.dataset + cell.recommender + std::to_string(cell.seed);
    if (groups.empty() || groups.back() != group) groups.push_back(group);
  }
  EXPECT_EQ(std::set(keys.begin(), keys.end()).size(), keys.size());
  EXPECT_EQ(std::set(groups.begin(), groups.end()).size(), groups.size());
  EXPECT_THAT(keys, testing::Contains("d.ecf-3.recommender.seed2"));
}

TEST(PlanGroupTest, NamesTellTheReproductionFromTheUsersOwn) {
  ReproduceFlags flags = OneRecommender();
  const auto plan = PlanGroup({"d", "bprmf", "sae", 2}, flags);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->recommender(), "recommenders/paper-d-bprmf-s2");
  EXPECT_EQ(plan->sae(), "saes/paper-d-bprmf-s2");
  EXPECT_EQ(plan->build_concepts.sae(), plan->sae());
  EXPECT_EQ(plan->evaluate.capture(), "recommenders/paper-d-bprmf-s2/captures/test");
  const auto point = PlanPoint({"d", "bprmf", "s4-k8", 2}, {4, 8}, flags);
  ASSERT_TRUE(point.ok()) << point.status();
  EXPECT_EQ(point->sae_id(), "paper-d-bprmf-s2-x4-k8");
  EXPECT_EQ(point->config().expansion_factor(), 4);
  EXPECT_EQ(point->config().k(), 8);
}

TEST(PlanCellsTest, TheOtherPaperHasAnUntrainedRecommenderBesideEachAndIsNotAmongAll) {
  ReproduceFlags flags = OneRecommender();
  flags.recommenders = {"gpt"};
  flags.seeds = {1};
  EXPECT_THAT(
      Keys("klenitskiy", flags),
      ElementsAre("d.gpt.recommender.seed1", "d.gpt.block0-relu.seed1", "d.gpt.block0-sae.seed1",
                  "d.gpt-untrained.recommender.seed1", "d.gpt-untrained.block0-relu.seed1"));
  for (const std::string& key : Keys("all", OneRecommender())) {
    EXPECT_THAT(key, testing::Not(HasSubstr("block0")));
  }
}

TEST(PlanGroupTest, TheOtherPapersCapturesAreOfTheFirstBlock) {
  const auto plan = PlanGroup({"d", "gpt", "block0-relu", 1}, OneRecommender());
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->train_recommender.kind(), probe::v1::Recommender::KIND_GPT);
  for (const CaptureStep& step : plan->captures) {
    EXPECT_EQ(step.request.site(), "layers.0");
    EXPECT_THAT(step.request.capture_id(), testing::EndsWith("-block0"));
  }
  EXPECT_EQ(plan->train_sae.capture(), "recommenders/paper-d-gpt/captures/train-block0");
  EXPECT_EQ(plan->evaluate.capture(), "recommenders/paper-d-gpt/captures/test-block0");
  EXPECT_EQ(plan->evaluate.sae(), plan->sae());
  const auto untrained = PlanGroup({"d", "gpt-untrained", "recommender", 1}, OneRecommender());
  ASSERT_TRUE(untrained.ok()) << untrained.status();
  EXPECT_NE(untrained->recommender(), plan->recommender());
  EXPECT_EQ(untrained->train_recommender.hyper_parameters().learning_rate(), 1e-9);
}

TEST(PublishedConfigTest, ReadsAsManyRowsWhateverTheCaptureHolds) {
  EXPECT_EQ(PublishedConfig(1, 200'000).epoch_count(), 13);
  EXPECT_EQ(PublishedConfig(1, 2'560'000).epoch_count(), 1);
  EXPECT_EQ(PublishedConfig(1, 1'000'000'000).epoch_count(), 1);
  EXPECT_EQ(PublishedConfig(1, 2'560).epoch_count(), 1000);
}

TEST(PlanGroupTest, AnEnsembleIsAnEcfOfThreeMembers) {
  const auto plan = PlanGroup({"d", "ecf-3", "recommender", 1}, OneRecommender());
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->train_recommender.kind(), probe::v1::Recommender::KIND_ECF);
  EXPECT_EQ(plan->train_recommender.hyper_parameters().member_count(), 3);
  const auto single = PlanGroup({"d", "ecf", "recommender", 1}, OneRecommender());
  EXPECT_NE(single->recommender(), plan->recommender());
}

TEST(RawDimensionsTest, ALatentIsADimensionWhereItIsPositive) {
  const auto model = sae::SaeModel::Create(RawDimensions(4));
  ASSERT_TRUE(model.ok()) << model.status();
  const float x[] = {0.5f, -2.0f, 3.0f, 0.0f};
  const auto code = model->Encode(x);
  ASSERT_THAT(code, SizeIs(2));
  EXPECT_EQ(code[0].latent, 2);
  EXPECT_EQ(code[0].value, 3.0f);
  EXPECT_EQ(code[1].latent, 0);
  EXPECT_EQ(code[1].value, 0.5f);
}

TEST(WithoutTrainingTest, KeepsShapeAndSeed) {
  trainer::v1::TrainingConfig config;
  config.set_k(8);
  config.set_seed(3);
  config.set_epoch_count(24);
  config.set_k_aux(5);
  config.mutable_early_stop()->set_capture("x");
  const auto untrained = WithoutTraining(config);
  EXPECT_EQ(untrained.k(), 8);
  EXPECT_EQ(untrained.seed(), 3u);
  EXPECT_EQ(untrained.epoch_count(), 1);
  // No float changes by it.
  EXPECT_EQ(1e-4f - static_cast<float>(untrained.learning_rate()), 1e-4f);
  EXPECT_FALSE(untrained.has_k_aux());
  EXPECT_FALSE(untrained.has_early_stop());
}

ordered_json Attribute(const char* value, int latent, double auc) {
  return {{"key", "genre"}, {"value", value}, {"rows", 30}, {"latent", latent}, {"auc", auc}};
}

TEST(PickAttributeTest, PrefersThePapersThenTheBestTold) {
  ordered_json cell = {{"attributes", {Attribute("War", 3, .9), Attribute("Western", 4, .97)}}};
  EXPECT_EQ(PickAttribute(cell, "")->value, "Western");
  EXPECT_EQ(PickAttribute(cell, "war")->latent, 3);
  EXPECT_FALSE(PickAttribute(cell, "Horror"));
  cell["attributes"].push_back(Attribute("Horror", 5, .8));
  EXPECT_EQ(PickAttribute(cell, "")->latent, 5);
  EXPECT_FALSE(PickAttribute({{"attributes", ordered_json::array()}}, ""));
}

}  // namespace
}  // namespace recsae::cli
