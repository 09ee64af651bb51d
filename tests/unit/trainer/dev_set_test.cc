#include "services/trainer/run/dev_set.h"

#include <google/protobuf/any.pb.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/sae/metrics.h"
#include "tests/unit/common/sae/testing.h"
#include "tests/unit/trainer/in_job.h"
#include "tests/unit/trainer/testing.h"

namespace recsae::trainer {
namespace {

constexpr char kTrain[] = "recommenders/r/captures/train";
constexpr char kDev[] = "recommenders/r/captures/dev";
constexpr int kDim = 6;
constexpr int kRows = 700;
constexpr int kItems = 40;

v1::EarlyStop Config(v1::EarlyStop::Metric metric) {
  v1::EarlyStop config;
  config.set_capture(kDev);
  config.set_metric(metric);
  return config;
}

std::vector<float> Rows() { return sae::PlantedRows(kRows, kDim, 12, 2, 9); }

sae::SaeModel Model() {
  return *sae::SaeModel::Create(sae::RandomWeights(kDim, 20, 4, sae::Architecture::kTopK, 3));
}

// Row i holds out item i % kItems (every fifth none) and leaves out two others.
RankingData Ranking() {
  RankingData data;
  data.head.dim = kDim;
  data.head.vectors = sae::RandomValues(kItems * kDim, 4);
  data.head.biases = sae::RandomValues(kItems, 5);
  for (int i = 0; i < kRows; ++i) {
    data.cases.push_back({i % 5 == 0 ? -1 : i % kItems, {(i + 1) % kItems, (i + 7) % kItems}});
  }
  return data;
}

absl::StatusOr<std::shared_ptr<const DevSet>> Load(const v1::EarlyStop& config, int64_t rows,
                                                   RankingData ranking = {}) {
  MemorySource source(kTrain, kDim, {}, 100);
  source.AddCapture(kDev, kDim, Rows(), std::move(ranking));
  absl::StatusOr<std::shared_ptr<const DevSet>> dev;
  InJob([&](JobContext& job) { dev = DevSet::Load(source, config, rows, kDim, job); });
  return dev;
}

double Measure(const DevSet& dev, int threads) {
  math::WorkerPool pool(threads);
  return *dev.Measure(Model(), pool, [] { return absl::OkStatus(); });
}

TEST(DevSetTest, MeasuringEndsWhenNobodyWantsItAnyMore) {
  for (const auto metric : {v1::EarlyStop::METRIC_FVU, v1::EarlyStop::METRIC_NDCG}) {
    const auto dev = Load(Config(metric), kRows, Ranking());
    ASSERT_TRUE(dev.ok()) << dev.status();
    math::WorkerPool pool(2);
    std::atomic<int> asked = 0;
    const auto value = (*dev)->Measure(Model(), pool, [&] {
      return ++asked < 5 ? absl::OkStatus() : absl::CancelledError("gone");
    });
    EXPECT_EQ(value.status().message(), "gone");
  }
}

TEST(DevSetTest, FvuIsThatOfTheFirstRows) {
  const auto dev = Load(Config(v1::EarlyStop::METRIC_FVU), 500);
  ASSERT_TRUE(dev.ok()) << dev.status();
  sae::MetricsAccumulator expected(kDim, 20);
  expected.Add(Model(), Rows().data(), 500);
  EXPECT_EQ(Measure(**dev, 1), expected.Result().fvu);
}

// Against the definition, with every score computed anew.
TEST(DevSetTest, NdcgIsOfTheReconstructionsAndOfAnyNumberOfThreads) {
  const auto dev = Load(Config(v1::EarlyStop::METRIC_NDCG), kRows, Ranking());
  ASSERT_TRUE(dev.ok()) << dev.status();
  const sae::SaeModel model = Model();
  const std::vector<float> rows = Rows();
  const RankingData data = Ranking();
  double gain = 0.0;
  int cases = 0;
  for (int i = 0; i < kRows; ++i) {
    const HeldOut& held_out = data.cases[i];
    if (held_out.target < 0) continue;
    ++cases;
    std::vector<float> x(kDim);
    model.Decode(model.Encode(&rows[i * kDim]), x.data());
    const auto score = [&](int item) {
      double sum = data.head.Bias(item);
      for (int c = 0; c < kDim; ++c) sum += static_cast<double>(x[c]) * data.head.Vector(item)[c];
      return sum;
    };
    int rank = 1;
    for (int item = 0; item < kItems; ++item) {
      const bool excluded = item == held_out.excluded[0] || item == held_out.excluded[1];
      rank += item != held_out.target && !excluded && score(item) >= score(held_out.target);
    }
    if (rank <= 10) gain += 1 / std::log2(1.0 + rank);
  }
  EXPECT_NEAR(Measure(**dev, 1), gain / cases, 1e-9);
  EXPECT_GT(gain / cases, 0.05);
  EXPECT_EQ(Measure(**dev, 1), Measure(**dev, 3));
}

TEST(DevSetTest, WithoutHeldOutItemsThereIsNoNdcg) {
  RankingData ranking = Ranking();
  for (HeldOut& held_out : ranking.cases) held_out.target = -1;
  const auto dev = Load(Config(v1::EarlyStop::METRIC_NDCG), kRows, std::move(ranking));
  EXPECT_EQ(dev.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(dev.status()), "CAPTURE_WITHOUT_TARGETS");
}

TEST(CheckDevCaptureTest, RefusesWhatCannotServe) {
  const v1::EarlyStop fvu = Config(v1::EarlyStop::METRIC_FVU);
  const v1::EarlyStop ndcg = Config(v1::EarlyStop::METRIC_NDCG);
  const CaptureInfo training{100, kDim};
  EXPECT_TRUE(CheckDevCapture(fvu, {10, kDim, false}, training).ok());
  EXPECT_TRUE(CheckDevCapture(ndcg, {10, kDim, true}, training).ok());
  EXPECT_EQ(Reason(CheckDevCapture(fvu, {10, kDim + 1, false}, training)), "DIMENSION_MISMATCH");
  EXPECT_EQ(Reason(CheckDevCapture(fvu, {0, kDim, false}, training)), "CAPTURE_EMPTY");
  EXPECT_EQ(Reason(CheckDevCapture(ndcg, {10, kDim, false}, training)), "CAPTURE_WITHOUT_CASES");
  const CaptureInfo inner{100, kDim, true, "layers.0"};
  EXPECT_TRUE(CheckDevCapture(fvu, inner, inner).ok());
  EXPECT_EQ(Reason(CheckDevCapture(fvu, inner, training)), "PROBE_SITE_MISMATCH");
  EXPECT_EQ(Reason(CheckDevCapture(ndcg, inner, inner)), "NDCG_NEEDS_USER_SITE");
}

TEST(CheckSameRecommenderTest, ComparesTheRecommenders) {
  EXPECT_TRUE(CheckSameRecommender(kTrain, kDev).ok());
  EXPECT_TRUE(CheckSameRecommender(kTrain, "").ok());
  EXPECT_EQ(Reason(CheckSameRecommender(kTrain, "recommenders/s/captures/dev")),
            "RECOMMENDER_MISMATCH");
}

}  // namespace
}  // namespace recsae::trainer
