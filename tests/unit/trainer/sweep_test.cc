// Several SAEs trained by one job.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/rpc/grpc_status.h"
#include "tests/unit/trainer/train_job_fixture.h"

namespace recsae::trainer {
namespace {

// k = 1, 2, 4 and another seed.
v1::TrainSaesRequest Sweep() {
  v1::TrainSaesRequest request;
  request.set_capture(kCapture);
  for (const int k : {1, 2, 4}) {
    v1::SaeVariant& variant = *request.add_variants();
    variant.set_sae_id("k" + std::to_string(k));
    *variant.mutable_config() = SmallConfig();
    variant.mutable_config()->set_k(k);
  }
  *request.add_variants() = request.variants(0);
  request.mutable_variants(3)->set_sae_id("seed12");
  request.mutable_variants(3)->mutable_config()->set_seed(12);
  return request;
}

using SweepTest = TrainJobTest;

TEST_F(SweepTest, EachSaeIsWhatItWouldBeAlone) {
  const Job job = RunToEnd(Sweep());
  ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
  EXPECT_EQ(trained_rows_, 4 * 6 * kRows);
  const std::vector<MemoryPublisher::Published> published = publisher_.published();
  ASSERT_EQ(published.size(), 4U);
  runner_.reset();
  for (int i = 0; i < 3; ++i) {
    std::filesystem::remove_all(directory_);
    v1::TrainSaeRequest alone = Request();
    *alone.mutable_config() = Sweep().variants(i).config();
    alone.set_sae_id(Sweep().variants(i).sae_id());
    ASSERT_EQ(RunToEnd(alone).state(), Job::STATE_SUCCEEDED);
    runner_.reset();
    const MemoryPublisher::Published expected = publisher_.published().back();
    EXPECT_EQ(published[i].weights.encoder, expected.weights.encoder);
    EXPECT_EQ(published[i].weights.decoder, expected.weights.decoder);
    EXPECT_EQ(published[i].sae.report().fvu(), expected.sae.report().fvu());
    EXPECT_EQ(published[i].sae.name(), expected.sae.name());
  }
  EXPECT_NE(published[3].weights.encoder, published[0].weights.encoder);
}

TEST_F(SweepTest, ReportsEachAndTheMeans) {
  const Job job = RunToEnd(Sweep());
  ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
  v1::TrainSaesResult result;
  ASSERT_TRUE(job.result().UnpackTo(&result));
  ASSERT_EQ(result.saes_size(), 4);
  std::set<std::string> request_ids;
  double fvu = 0.0;
  for (int i = 0; i < 4; ++i) {
    const MemoryPublisher::Published published = publisher_.published()[i];
    request_ids.insert(published.request_id);
    const concept_store::v1::Sae& sae = result.saes(i);
    EXPECT_EQ(sae.name(), "saes/" + Sweep().variants(i).sae_id());
    EXPECT_EQ(sae.report().hyper_parameters().at("k"), std::to_string(sae.k()));
    EXPECT_GT(sae.report().seconds(), 0.0);
    fvu += sae.report().fvu();
  }
  EXPECT_EQ(request_ids.size(), 4U);
  EXPECT_LT(result.saes(2).report().fvu(), result.saes(0).report().fvu());
  EXPECT_DOUBLE_EQ(job.metrics().at("fvu"), fvu / 4);
  // The rows came in the order of the first one's seed.
  EXPECT_FALSE(result.saes(1).report().hyper_parameters().contains("row_order_seed"));
  EXPECT_EQ(result.saes(3).report().hyper_parameters().at("row_order_seed"), "11");
}

TEST_F(SweepTest, WeightsDoNotDependOnThreads) {
  ASSERT_EQ(RunToEnd(Sweep()).state(), Job::STATE_SUCCEEDED);
  runner_.reset();
  for (const int threads : {2, 3, 8}) {  // a thread for each SAE, and all threads for each
    std::filesystem::remove_all(directory_);
    v1::TrainSaesRequest request = Sweep();
    for (v1::SaeVariant& variant : *request.mutable_variants()) {
      variant.mutable_config()->set_thread_count(threads);
    }
    const size_t before = publisher_.published().size();
    ASSERT_EQ(RunToEnd(request).state(), Job::STATE_SUCCEEDED);
    runner_.reset();
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(publisher_.published()[before + i].weights.encoder,
                publisher_.published()[i].weights.encoder);
    }
  }
}

TEST_F(SweepTest, StoppedAndCrashedJobsGiveTheSameWeights) {
  v1::TrainSaesRequest every_step = Sweep();
  for (v1::SaeVariant& variant : *every_step.mutable_variants()) {
    variant.mutable_config()->set_checkpoint_seconds(0.0);
  }
  const std::string crashed = directory_.string() + "_crashed";
  // The variants read rows together: a row read is trained on four times.
  CrashAfter(every_step, 9000, crashed);
  ASSERT_EQ(RunToEnd(Sweep()).state(), Job::STATE_SUCCEEDED);
  runner_.reset();
  const auto expect_the_same = [&] {
    const std::vector<MemoryPublisher::Published> published = publisher_.published();
    for (size_t i = 0; i < 4; ++i) {
      const sae::SaeWeights& weights = published[published.size() - 4 + i].weights;
      EXPECT_EQ(weights.encoder, published[i].weights.encoder);
      EXPECT_EQ(weights.decoder, published[i].weights.decoder);
    }
  };
  const Job resumed = ResumeCrashed(crashed);
  ASSERT_EQ(resumed.state(), Job::STATE_SUCCEEDED) << resumed.error().message();
  EXPECT_LT(trained_rows_, 4 * 6 * kRows);
  expect_the_same();
  const Job stopped = RunWithAStop(Sweep(), 4000);
  ASSERT_EQ(stopped.state(), Job::STATE_SUCCEEDED) << stopped.error().message();
  EXPECT_EQ(trained_rows_, 4 * 6 * kRows);
  expect_the_same();
}

// What is published again after a restart must be the same under the same request_id, or the store
// would take it for another request.
TEST_F(SweepTest, AJobStoppedWhilePublishingRepeatsItself) {
  publisher_.StallAfter(2);
  StartRunner();
  const std::string name = Submit(Sweep());
  while (publisher_.published().size() < 2) std::this_thread::yield();
  ASSERT_TRUE(runner_->Stop(absl::InfiniteDuration()).ok());
  runner_.reset();
  publisher_.StallAfter(-1);
  StartRunner();
  ASSERT_EQ(WaitUntilFinal(name).state(), Job::STATE_SUCCEEDED);
  const std::vector<MemoryPublisher::Published> published = publisher_.published();
  ASSERT_EQ(published.size(), 6U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(published[i].request_id, published[2 + i].request_id);
    EXPECT_EQ(published[i].sae.DebugString(), published[2 + i].sae.DebugString());
    EXPECT_EQ(published[i].weights.encoder, published[2 + i].weights.encoder);
  }
}

TEST_F(SweepTest, OneThatDoesNotFitTheCaptureFailsAll) {
  v1::TrainSaesRequest request = Sweep();
  v1::TrainingConfig& config = *request.mutable_variants(1)->mutable_config();
  config.clear_latent_count();
  config.set_expansion_factor(1);
  config.set_k(kDim + 1);
  const Job job = RunToEnd(request);
  EXPECT_EQ(job.state(), Job::STATE_FAILED);
  EXPECT_NE(job.error().message().find("variants[1].config.k"), std::string::npos);
  EXPECT_TRUE(publisher_.published().empty());
}

}  // namespace
}  // namespace recsae::trainer
