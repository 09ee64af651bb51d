#include "clients/cli/pipeline/pipeline_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "clients/cli/text/errors.h"
#include "common/base/names.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {
namespace {

using testing::HasSubstr;

PipelinePlan Plan(const PipelineFlags& flags, const std::string& dataset = "ml-1m") {
  auto plan = MakePlan(flags, dataset);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *plan;
}

TEST(PipelinePlanTest, UsualNames) {
  const PipelinePlan plan = Plan({});
  EXPECT_EQ(plan.recommender(), "recommenders/ml-1m-sasrec");
  EXPECT_EQ(plan.sae(), "saes/ml-1m-sasrec");
  EXPECT_EQ(plan.train_sae.capture(), "recommenders/ml-1m-sasrec/captures/train");
  EXPECT_EQ(plan.build_concepts.capture(), "recommenders/ml-1m-sasrec/captures/test");
  ASSERT_EQ(plan.build_concepts.evidence_captures_size(), 2);
  EXPECT_EQ(plan.evaluate.capture(), plan.build_concepts.capture());
}

TEST(PipelinePlanTest, CapturesWhatEachStageNeeds) {
  const PipelinePlan plan = Plan({});
  ASSERT_EQ(plan.captures.size(), 4u);
  const auto& train = plan.captures[0].request;
  EXPECT_EQ(train.split(), probe::v1::SPLIT_TRAIN);
  EXPECT_FALSE(train.with_cases());
  EXPECT_EQ(train.max_rows(), 0);
  const auto& context = plan.captures[3].request;
  EXPECT_EQ(context.split(), probe::v1::SPLIT_TRAIN);
  EXPECT_TRUE(context.with_cases());
  EXPECT_EQ(context.max_rows(), 100'000);
  EXPECT_EQ(context.seed(), 1u);
  for (int i : {1, 2}) EXPECT_TRUE(plan.captures[i].request.with_cases());
}

TEST(PipelinePlanTest, AnotherRecommenderHasAnotherName) {
  std::set<std::string> names = {Plan({}).recommender()};
  PipelineFlags flags;
  flags.seed = 2;
  EXPECT_EQ(Plan(flags).recommender(), "recommenders/ml-1m-sasrec-s2");
  EXPECT_TRUE(names.insert(Plan(flags).recommender()).second);
  flags = {};
  flags.recommender = "bprmf";
  EXPECT_TRUE(names.insert(Plan(flags).recommender()).second);
  flags = {};
  flags.recommender_flags.epochs = 3;
  EXPECT_TRUE(names.insert(Plan(flags).recommender()).second);
  flags.recommender_flags.epochs = 4;
  EXPECT_TRUE(names.insert(Plan(flags).recommender()).second);
  flags = {};
  EXPECT_TRUE(names.insert(Plan(flags, "planted").recommender()).second);
  flags.dataset_flags.planted_users = 500;
  EXPECT_TRUE(names.insert(Plan(flags, "planted").recommender()).second);
}

TEST(PipelinePlanTest, AnotherSaeSharesTheRecommender) {
  std::set<std::string> names = {Plan({}).sae()};
  const auto other = [&](const auto& change) {
    PipelineFlags flags;
    change(flags.sae_flags);
    const PipelinePlan plan = Plan(flags);
    EXPECT_EQ(plan.recommender(), Plan({}).recommender());
    EXPECT_TRUE(names.insert(plan.sae()).second) << plan.sae();
    return plan.sae();
  };
  EXPECT_EQ(other([](SaeFlags& sae) { sae.k = {16}; }), "saes/ml-1m-sasrec-k16");
  EXPECT_EQ(other([](SaeFlags& sae) { sae.preset = "paper"; }), "saes/ml-1m-sasrec-paper");
  EXPECT_EQ(other([](SaeFlags& sae) {
              sae.expansion = 32;
              sae.k = {4};
            }),
            "saes/ml-1m-sasrec-x32-k4");
  EXPECT_EQ(other([](SaeFlags& sae) { sae.architecture = {"batch-topk"}; }),
            "saes/ml-1m-sasrec-batch-topk");
  other([](SaeFlags& sae) { sae.matryoshka = {"64", "256"}; });
  other([](SaeFlags& sae) { sae.early_stop = "dev"; });
  other([](SaeFlags& sae) { sae.epochs = 2; });
  other([](SaeFlags& sae) { sae.learning_rate = {1e-4}; });
}

TEST(PipelinePlanTest, EarlyStopIsOnACaptureOfItsOwn) {
  PipelineFlags flags;
  flags.sae_flags.early_stop = "dev";
  const PipelinePlan plan = Plan(flags);
  EXPECT_EQ(plan.train_sae.config().early_stop().capture(), plan.capture(kDevCapture));
  flags.sae_flags.early_stop = "";
  flags.sae_flags.patience = 2;
  EXPECT_EQ(ExitStatus(MakePlan(flags, "ml-1m").status()), 2);
}

TEST(PipelinePlanTest, TheNameGivenIsUsedAsItIs) {
  PipelineFlags flags;
  flags.name = "movies";
  flags.sae_flags.k = {16};
  EXPECT_EQ(Plan(flags).recommender(), "recommenders/movies");
  EXPECT_EQ(Plan(flags).sae(), "saes/movies");
  flags.name = "Not An Id";
  const auto plan = MakePlan(flags, "ml-1m");
  EXPECT_EQ(ExitStatus(plan.status()), 2);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("--name"));
}

TEST(PipelinePlanTest, AnyDataSetMakesAValidId) {
  for (const std::string dataset :
       {"My Data", "_x", "ml-1m-recsae", "été", "a-data-set-with-a-very-long-name-of-64-letters"}) {
    PipelineFlags flags;
    flags.seed = 18446744073709551615u;
    flags.sae_flags.preset = "paper";
    const PipelinePlan plan = Plan(flags, dataset);
    EXPECT_TRUE(ValidateId(plan.train_recommender.recommender_id(), "id").ok()) << dataset;
    EXPECT_EQ(plan.train_recommender.dataset().name(), dataset);
  }
}

TEST(PipelinePlanTest, NamesInOtherScriptsStayApart) {
  std::set<std::string> names;
  for (const char* dataset :
       {"映画", "音楽", "Фильмы", "фильмы", "films", "a-data-set-of-thirty-three-bytes-1",
        "a-data-set-of-thirty-three-bytes-2"}) {
    EXPECT_TRUE(names.insert(Plan({}, dataset).recommender()).second) << dataset;
    EXPECT_EQ(Plan({}, dataset).recommender(), Plan({}, dataset).recommender());
  }
  for (const char* dataset :
       {"my-shop", "my shop", "My-shop", "my_shop", "my+shop", "-shop", "d-shop"})
    EXPECT_TRUE(names.insert(Plan({}, dataset).recommender()).second) << dataset;
  EXPECT_EQ(Plan({}, "my-shop").recommender(), "recommenders/my-shop-sasrec");
  EXPECT_EQ(Plan({}, "films").recommender(), "recommenders/films-sasrec");
}

TEST(PipelinePlanTest, OnlyWhatWasAskedForIsSet) {
  const PipelinePlan plan = Plan({});
  EXPECT_FALSE(plan.train_sae.config().has_k());
  EXPECT_FALSE(plan.train_sae.config().has_expansion_factor());
  EXPECT_FALSE(plan.train_recommender.hyper_parameters().has_epoch_count());
  EXPECT_FALSE(plan.train_recommender.dataset().has_planted());
  EXPECT_TRUE(Plan({}, "planted").train_recommender.dataset().has_planted());
}

TEST(StageRequestIdTest, IsOfTheRequestItsInputsAndTheAttempt) {
  const PipelinePlan plan = Plan({});
  const std::string id = StageRequestId("train-sae", plan.train_sae, "in", 1);
  EXPECT_EQ(StageRequestId("train-sae", Plan({}).train_sae, "in", 1), id);
  EXPECT_NE(StageRequestId("train-sae", plan.train_sae, "in", 2), id);
  EXPECT_NE(StageRequestId("train-sae", plan.train_sae, "made anew", 1), id);
  PipelineFlags flags;
  flags.sae_flags.k = {9};
  EXPECT_NE(StageRequestId("train-sae", Plan(flags).train_sae, "in", 1), id);
  EXPECT_LE(id.size(), 128u);
}

}  // namespace
}  // namespace recsae::cli
