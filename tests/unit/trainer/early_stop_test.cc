// Training that ends when the SAE no longer gets better.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/rpc/grpc_status.h"
#include "common/sae/metrics.h"
#include "common/sae/trainer.h"
#include "services/trainer/rows/row_stream.h"
#include "services/trainer/run/training_config.h"
#include "tests/unit/trainer/train_job_fixture.h"

namespace recsae::trainer {
namespace {

constexpr char kDev[] = "recommenders/r/captures/dev";
constexpr int kEpochs = 40;

class EarlyStopTest : public TrainJobTest {
 protected:
  // Few rows to train on, so that it soon fits them better and others worse.
  EarlyStopTest() {
    source_.AddCapture(kDev, kDim, sae::PlantedRows(400, kDim, 20, 2, 6));
    source_.AddCapture("recommenders/r/captures/wide", kDim + 1, std::vector<float>(9));
    source_.AddCapture("recommenders/r/captures/empty", kDim, {});
  }

  static v1::TrainSaeRequest Stopping(int patience = 2) {
    v1::TrainSaeRequest request = Request();
    v1::TrainingConfig& config = *request.mutable_config();
    config.set_epoch_count(kEpochs);
    // Large steps: the metric goes up and down instead of settling.
    config.set_learning_rate(0.05);
    config.mutable_early_stop()->set_capture(kDev);
    config.mutable_early_stop()->set_patience(patience);
    config.mutable_early_stop()->set_max_rows(300);
    return request;
  }

  // FVU on the dev rows after each epoch, trained without a service.
  std::vector<double> Curve() {
    BadRequest bad;
    const v1::TrainingConfig config = FillIn(Stopping().config(), {kDim, kAnyRows}, "config", bad);
    const std::vector<float> dev = sae::PlantedRows(400, kDim, 20, 2, 6);
    RowStreamOptions options;
    options.capture = kCapture;
    options.dim = kDim;
    options.rows = kRows;
    options.epochs = kEpochs;
    options.seed = config.seed();
    RowStream rows(source_, options);
    RowStream sample(source_, options);
    const auto trainer = *sae::Trainer::Create(ToEngine(config), kDim, kRows * kEpochs,
                                               sample.Next(kRows)->data, kRows, 1);
    std::vector<double> curve;
    while (curve.size() < kEpochs) {
      const MatrixView batch = *rows.Next(128);
      EXPECT_TRUE(trainer->Step(batch.data, batch.rows).ok());
      if (trainer->rows_seen() / kRows <= static_cast<int64_t>(curve.size())) continue;
      const auto model = sae::SaeModel::Create(trainer->weights());
      sae::MetricsAccumulator metrics(kDim, model->latents());
      metrics.Add(*model, dev.data(), 300);
      curve.push_back(metrics.Result().fvu);
    }
    return curve;
  }

  std::string Reason(const v1::TrainSaeRequest& request) {
    const Job job = RunToEnd(request);
    EXPECT_EQ(job.state(), Job::STATE_FAILED);
    return recsae::Reason(FromRpcStatus(job.error()));
  }
};

// The epoch that is best, and the one after which patience runs out (all if it does not).
std::pair<int, int> BestAndLast(const std::vector<double>& curve, int patience) {
  int best = 0;
  for (int i = 0; i < static_cast<int>(curve.size()); ++i) {
    if (curve[i] < curve[best]) best = i;
    if (i - best == patience) return {best + 1, i + 1};
  }
  return {best + 1, static_cast<int>(curve.size())};
}

TEST_F(EarlyStopTest, EndsAfterThePatienceAndPublishesTheBest) {
  const std::vector<double> curve = Curve();
  for (const int patience : {1, 2, 5}) {
    std::filesystem::remove_all(directory_);
    const auto [best, last] = BestAndLast(curve, patience);
    const Job job = RunToEnd(Stopping(patience));
    runner_.reset();
    ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
    const MemoryPublisher::Published published = publisher_.published().back();
    const concept_store::v1::TrainingReport& report = published.sae.report();
    EXPECT_EQ(report.epoch_count(), last);
    EXPECT_EQ(report.step_count(), (last * kRows + 127) / 128);
    EXPECT_EQ(report.hyper_parameters().at("best_epoch"), std::to_string(best));
    EXPECT_EQ(report.hyper_parameters().at("early_stop"), kDev);
    EXPECT_EQ(report.hyper_parameters().contains("stopped_after_epochs"), last < kEpochs);
    EXPECT_DOUBLE_EQ(job.metrics().at("best_dev_fvu"), curve[best - 1]);
    EXPECT_DOUBLE_EQ(job.metrics().at("dev_fvu"), curve[last - 1]);
    // What was published is what was measured then.
    const auto model = sae::SaeModel::Create(published.weights);
    sae::MetricsAccumulator metrics(kDim, model->latents());
    metrics.Add(*model, sae::PlantedRows(400, kDim, 20, 2, 6).data(), 300);
    EXPECT_DOUBLE_EQ(metrics.Result().fvu, curve[best - 1]);
    EXPECT_EQ(job.progress().done(), job.progress().total());
  }
  // Or none of the above has shown anything.
  EXPECT_LT(BestAndLast(curve, 1).second, kEpochs);
  EXPECT_LT(BestAndLast(curve, 1).second, BestAndLast(curve, 5).second);
}

// An SAE that has more active latents than it is to have rebuilds better than it will.
TEST_F(EarlyStopTest, LooksOnceKHasComeDown) {
  v1::TrainSaeRequest request = Stopping(kEpochs);
  request.mutable_config()->set_k_anneal_from(4.0);
  request.mutable_config()->set_k_anneal_fraction(0.5);
  const Job job = RunToEnd(request);
  ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
  const concept_store::v1::TrainingReport report = publisher_.published()[0].sae.report();
  BadRequest bad;
  const sae::TrainConfig config =
      ToEngine(FillIn(request.config(), {kDim, kAnyRows}, "config", bad));
  const int64_t steps = (kEpochs * kRows + 127) / 128;
  int first = 1;
  while (sae::AnnealedK(config, (first * kRows + 127) / 128, steps) > config.k) ++first;
  EXPECT_GT(first, kEpochs / 4);
  EXPECT_GE(std::stoi(report.hyper_parameters().at("best_epoch")), first);
  EXPECT_EQ(report.hyper_parameters().at("k_anneal_from"), "4");
  EXPECT_EQ(report.hyper_parameters().at("k_anneal_fraction"), "0.5");
}

TEST_F(EarlyStopTest, TrainsAllEpochsWhilePatienceLasts) {
  const Job job = RunToEnd(Stopping(kEpochs));
  ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
  const concept_store::v1::TrainingReport report = publisher_.published()[0].sae.report();
  EXPECT_EQ(report.epoch_count(), kEpochs);
  EXPECT_FALSE(report.hyper_parameters().contains("stopped_after_epochs"));
  EXPECT_EQ(report.hyper_parameters().at("best_epoch"),
            std::to_string(BestAndLast(Curve(), kEpochs).first));
}

TEST_F(EarlyStopTest, StoppedAndCrashedJobsGiveTheSame) {
  v1::TrainSaeRequest every_step = Stopping(5);
  every_step.mutable_config()->set_checkpoint_seconds(0.0);
  const std::string crashed = directory_.string() + "_crashed";
  CrashAfter(every_step, 3 * kRows + 100, crashed);
  ASSERT_EQ(RunToEnd(Stopping(5)).state(), Job::STATE_SUCCEEDED);
  runner_.reset();
  const auto expect_the_same = [&](const Job& job) {
    ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
    const MemoryPublisher::Published first = publisher_.published().front();
    const MemoryPublisher::Published last = publisher_.published().back();
    EXPECT_EQ(first.weights.encoder, last.weights.encoder);
    EXPECT_EQ(first.weights.decoder, last.weights.decoder);
    EXPECT_EQ(first.sae.report().epoch_count(), last.sae.report().epoch_count());
    EXPECT_EQ(first.sae.report().hyper_parameters().at("best_epoch"),
              last.sae.report().hyper_parameters().at("best_epoch"));
  };
  expect_the_same(ResumeCrashed(crashed));
  for (const int64_t rows : {kRows - 10, 2 * kRows, 4 * kRows + 500}) {
    expect_the_same(RunWithAStop(Stopping(5), rows));
  }
}

TEST_F(EarlyStopTest, EachOfASweepStopsForItself) {
  v1::TrainSaesRequest sweep;
  sweep.set_capture(kCapture);
  for (const int patience : {1, 5, 0}) {
    v1::SaeVariant& variant = *sweep.add_variants();
    variant.set_sae_id("patience" + std::to_string(patience));
    *variant.mutable_config() = Stopping(std::max(patience, 1)).config();
    if (patience == 0) variant.mutable_config()->clear_early_stop();
  }
  const Job job = RunToEnd(sweep);
  runner_.reset();
  ASSERT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.error().message();
  const std::vector<MemoryPublisher::Published> published = publisher_.published();
  ASSERT_EQ(published.size(), 3U);
  const std::vector<double> curve = Curve();
  EXPECT_EQ(published[0].sae.report().epoch_count(), BestAndLast(curve, 1).second);
  EXPECT_EQ(published[1].sae.report().epoch_count(), BestAndLast(curve, 5).second);
  EXPECT_EQ(published[2].sae.report().epoch_count(), kEpochs);
  EXPECT_GT(published[2].sae.report().seconds(), published[0].sae.report().seconds());
  for (const int patience : {1, 5}) {
    std::filesystem::remove_all(directory_);
    ASSERT_EQ(RunToEnd(Stopping(patience)).state(), Job::STATE_SUCCEEDED);
    runner_.reset();
    EXPECT_EQ(publisher_.published().back().weights.encoder,
              published[patience == 1 ? 0 : 1].weights.encoder);
  }
  std::filesystem::remove_all(directory_);
  const Job stopped = RunWithAStop(sweep, 3 * 5 * kRows);
  ASSERT_EQ(stopped.state(), Job::STATE_SUCCEEDED) << stopped.error().message();
  const std::vector<MemoryPublisher::Published> again = publisher_.published();
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(again[again.size() - 3 + i].weights.encoder, published[i].weights.encoder);
  }
}

TEST_F(EarlyStopTest, CapturesThatCannotServe) {
  v1::TrainSaeRequest request = Stopping();
  v1::EarlyStop& early_stop = *request.mutable_config()->mutable_early_stop();
  const auto reason = [&] {
    std::filesystem::remove_all(directory_);
    std::string found = Reason(request);
    runner_.reset();
    return found;
  };
  early_stop.set_capture("recommenders/r/captures/none");
  EXPECT_EQ(reason(), "CAPTURE_NOT_FOUND");
  early_stop.set_capture("recommenders/other/captures/dev");
  EXPECT_EQ(reason(), "RECOMMENDER_MISMATCH");
  early_stop.set_capture("recommenders/r/captures/wide");
  EXPECT_EQ(reason(), "DIMENSION_MISMATCH");
  early_stop.set_capture("recommenders/r/captures/empty");
  EXPECT_EQ(reason(), "CAPTURE_EMPTY");
  early_stop.set_capture(kDev);
  early_stop.set_metric(v1::EarlyStop::METRIC_NDCG);
  EXPECT_EQ(reason(), "CAPTURE_WITHOUT_CASES");
  EXPECT_TRUE(publisher_.published().empty());
}

}  // namespace
}  // namespace recsae::trainer
