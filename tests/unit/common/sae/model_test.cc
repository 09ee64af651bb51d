#include "common/sae/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "common/sae/metrics.h"
#include "common/sae/reference.h"
#include "tests/unit/common/sae/reference_testing.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

SaeModel Create(SaeWeights weights) {
  absl::StatusOr<SaeModel> model = SaeModel::Create(std::move(weights));
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

// The definition, in double, on normalised activations.
struct PlainSae {
  explicit PlainSae(const SaeWeights& weights) : scale(weights.input_scale) {
    problem.architecture = weights.architecture;
    problem.dim = weights.dim;
    problem.latents = weights.latents;
    problem.k = weights.k;
    parameters = ParametersOf<double>(weights);
  }
  std::vector<double> Pre(const float* x) const {
    std::vector<double> row(static_cast<size_t>(problem.dim));
    for (size_t i = 0; i < row.size(); ++i) row[i] = scale * static_cast<double>(x[i]);
    return reference::PreActivations(problem, parameters, row.data());
  }
  reference::Code<double> Encode(const float* x) const {
    return reference::Encode(problem.architecture, problem.k, parameters.threshold, Pre(x));
  }
  // In the space of the recommender.
  std::vector<double> Reconstruct(const float* x) const {
    std::vector<double> out = reference::DecodeDirections(problem, parameters, Encode(x));
    for (size_t i = 0; i < out.size(); ++i) out[i] = (out[i] + parameters.pre_bias[i]) / scale;
    return out;
  }
  double scale;
  reference::Problem<double> problem;
  reference::Parameters<double> parameters;
};

TEST(ModelTest, PursuitRebuildsBetterThanTheEncoderWithAsManyLatents) {
  constexpr int kRows = 200, kDim = 24;
  SaeWeights weights = RandomWeights(kDim, 150, 5, Architecture::kTopK, 3);
  weights.input_scale = 2.5f;
  const SaeModel top_k = Create(weights);
  weights.architecture = Architecture::kPursuit;
  const SaeModel pursuit = Create(weights);
  const std::vector<float> rows = RandomValues(kRows * kDim, 4, 0.7f);
  const SparseCodes codes = pursuit.EncodeBatch(rows.data(), kRows);
  double pursued = 0, encoded = 0;
  const auto error = [&](const SaeModel& model, const float* row) {
    std::vector<float> rebuilt(kDim);
    model.Decode(model.Encode(row), rebuilt.data());
    double sum = 0;
    for (int i = 0; i < kDim; ++i) sum += std::pow(row[i] - rebuilt[static_cast<size_t>(i)], 2);
    return sum;
  };
  for (int r = 0; r < kRows; ++r) {
    const float* row = rows.data() + r * kDim;
    const std::vector<LatentActivation> code = pursuit.Encode(row);
    EXPECT_EQ(code, std::vector<LatentActivation>(codes.Row(r).begin(), codes.Row(r).end()));
    EXPECT_LE(code.size(), 5u);
    for (const LatentActivation& entry : code) EXPECT_GT(entry.value, 0);
    pursued += error(pursuit, row);
    encoded += error(top_k, row);
  }
  EXPECT_LT(pursued, encoded);
}

class ModelSizesTest : public ::testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(ModelSizesTest, EncodesAndDecodesAsDefined) {
  const auto [dim, latents, k] = GetParam();
  for (Architecture architecture :
       {Architecture::kTopK, Architecture::kTopKSigned, Architecture::kBatchTopK,
        Architecture::kJumpRelu, Architecture::kRelu}) {
    SaeWeights weights = RandomWeights(dim, latents, k, architecture, 11);
    weights.input_scale = 2.5f;
    const PlainSae plain(weights);
    const SaeModel model = Create(weights);
    const int n = 9;
    const std::vector<float> rows = RandomValues(n * dim, 12);
    const SparseCodes codes = model.EncodeBatch(rows.data(), n);
    ASSERT_EQ(codes.rows(), n);
    for (int r = 0; r < n; ++r) {
      const float* row = &rows[static_cast<size_t>(r * dim)];
      const reference::Code<double> expected = plain.Encode(row);
      const std::vector<LatentActivation> code = model.Encode(row);
      ASSERT_EQ(code.size(), expected.latents.size());
      ASSERT_EQ(codes.Row(r).size(), expected.latents.size());
      for (size_t c = 0; c < code.size(); ++c) {
        EXPECT_EQ(code[c].latent, expected.latents[c]);
        EXPECT_NEAR(code[c].value, expected.values[c], 1e-4);
        EXPECT_EQ(codes.Row(r)[c].latent, expected.latents[c]);
        EXPECT_NEAR(codes.Row(r)[c].value, expected.values[c], 1e-4);
      }
      std::vector<float> reconstruction(static_cast<size_t>(dim));
      model.Decode(code, reconstruction.data());
      const std::vector<double> expected_reconstruction = plain.Reconstruct(row);
      for (int i = 0; i < dim; ++i) {
        EXPECT_NEAR(reconstruction[i], expected_reconstruction[i], 1e-4);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ModelSizesTest,
                         ::testing::Values(std::tuple(1, 1, 1), std::tuple(3, 7, 2),
                                           std::tuple(16, 16, 16), std::tuple(13, 67, 8),
                                           std::tuple(64, 130, 8), std::tuple(8, 100, 100)));

// The parts that explanations are made of add up to the reconstruction.
TEST(ModelTest, DirectionsAndBiasAddUpToTheReconstruction) {
  SaeWeights weights = RandomWeights(6, 20, 4, Architecture::kTopK, 21);
  weights.input_scale = 0.4f;
  const SaeModel model = Create(weights);
  const std::vector<float> x = RandomValues(6, 22);
  const std::vector<LatentActivation> code = model.Encode(x.data());
  ASSERT_FALSE(code.empty());
  std::vector<float> reconstruction(6);
  model.Decode(code, reconstruction.data());
  for (size_t i = 0; i < 6; ++i) {
    double sum = model.Bias()[i];
    for (const LatentActivation& entry : code) {
      sum += static_cast<double>(entry.value) * model.Direction(entry.latent)[i];
    }
    EXPECT_NEAR(sum, reconstruction[i], 1e-5);
    EXPECT_FLOAT_EQ(model.Bias()[i], weights.pre_bias[i] / weights.input_scale);
  }
}

TEST(ModelTest, AllNegativePreActivationsGiveAnEmptyCodeAndTheBias) {
  SaeWeights weights = RandomWeights(4, 8, 3, Architecture::kTopK, 31);
  std::fill(weights.encoder.begin(), weights.encoder.end(), 0.0f);
  std::fill(weights.encoder_bias.begin(), weights.encoder_bias.end(), -1.0f);
  const SaeModel model = Create(weights);
  const std::vector<float> x = RandomValues(4, 32);
  EXPECT_TRUE(model.Encode(x.data()).empty());
  EXPECT_TRUE(model.EncodeBatch(x.data(), 1).Row(0).empty());
  std::vector<float> reconstruction(4);
  model.Decode({}, reconstruction.data());
  EXPECT_EQ(reconstruction, weights.pre_bias);
}

TEST(ModelTest, EqualPreActivationsGoToTheLowerLatents) {
  SaeWeights weights = RandomWeights(4, 8, 3, Architecture::kTopK, 41);
  std::fill(weights.encoder.begin(), weights.encoder.end(), 0.0f);
  std::fill(weights.encoder_bias.begin(), weights.encoder_bias.end(), 1.0f);
  const SaeModel model = Create(weights);
  const std::vector<float> x = RandomValues(4, 42);
  const std::vector<LatentActivation> expected = {{0, 1.0f}, {1, 1.0f}, {2, 1.0f}};
  EXPECT_EQ(model.Encode(x.data()), expected);
}

// Asked every few rows, so that a caller who has gone is noticed in the midst of a large batch.
TEST(ModelTest, EncodingEndsWhenNobodyWantsItAnyMore) {
  constexpr int64_t kManyRows = 10'000;
  const SaeModel model = *SaeModel::Create(RandomWeights(8, 64, 4, Architecture::kPursuit, 1));
  const std::vector<float> rows = RandomValues(kManyRows * 8, 2);
  int asked = 0;
  const auto gone = [&] { return ++asked == 3 ? absl::CancelledError("gone") : absl::OkStatus(); };
  EXPECT_EQ(model.EncodeBatch(rows.data(), kManyRows, gone).status().message(), "gone");
  EXPECT_EQ(asked, 3);
  asked = 0;
  MetricsAccumulator metrics(8, 64);
  EXPECT_EQ(metrics.Add(model, rows.data(), kManyRows, gone).message(), "gone");
  EXPECT_EQ(asked, 3);
}

TEST(ModelTest, EmptyBatch) {
  const SaeModel model = Create(RandomWeights(4, 8, 3, Architecture::kTopK, 51));
  EXPECT_EQ(model.EncodeBatch(nullptr, 0).rows(), 0);
}

TEST(ModelTest, ThreadsShareOneModel) {
  const SaeModel model = Create(RandomWeights(16, 128, 8, Architecture::kTopK, 61));
  const std::vector<float> rows = RandomValues(200 * 16, 62);
  const SparseCodes expected = model.EncodeBatch(rows.data(), 200);
  std::vector<int> differences(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const SparseCodes codes = model.EncodeBatch(rows.data(), 200);
      for (int64_t r = 0; r < 200; ++r) {
        differences[static_cast<size_t>(t)] +=
            !std::equal(codes.Row(r).begin(), codes.Row(r).end(), expected.Row(r).begin(),
                        expected.Row(r).end());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(differences, std::vector<int>(4));
}

TEST(ModelTest, RefusesWeightsThatDoNotFit) {
  const SaeWeights good = RandomWeights(4, 8, 3, Architecture::kTopK, 71);
  const auto refused = [&](auto change) {
    SaeWeights bad = good;
    change(bad);
    return SaeModel::Create(bad).status().code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(SaeModel::Create(good).ok());
  EXPECT_TRUE(refused([](SaeWeights& w) { w.encoder.pop_back(); }));
  EXPECT_TRUE(refused([](SaeWeights& w) { w.decoder.push_back(0); }));
  EXPECT_TRUE(refused([](SaeWeights& w) { w.encoder_bias.pop_back(); }));
  EXPECT_TRUE(refused([](SaeWeights& w) { w.pre_bias.clear(); }));
  EXPECT_TRUE(refused([](SaeWeights& w) { w.k = 0; }));
  EXPECT_TRUE(refused([](SaeWeights& w) { w.k = 9; }));
  EXPECT_TRUE(refused([](SaeWeights& w) { w.input_scale = 0; }));
  EXPECT_TRUE(
      refused([](SaeWeights& w) { w.decoder[3] = std::numeric_limits<float>::quiet_NaN(); }));
  EXPECT_TRUE(
      refused([](SaeWeights& w) { w.pre_bias[0] = std::numeric_limits<float>::infinity(); }));
}

}  // namespace
}  // namespace recsae::sae
