#include "common/sae/pursuit.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace recsae::sae {
namespace {

using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;

std::vector<float> RandomValues(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

std::vector<LatentActivation> All(int latents) {
  std::vector<LatentActivation> all;
  for (int32_t j = 0; j < latents; ++j) all.push_back({j, 0});
  return all;
}

// The definition, over Eigen's own least squares.
std::vector<LatentActivation> Plain(const std::vector<float>& decoder, int latents, int dim,
                                    const float* row, int k) {
  Matrix directions(dim, latents);
  for (int j = 0; j < latents; ++j) {
    for (int i = 0; i < dim; ++i) directions(i, j) = decoder[static_cast<size_t>(j * dim + i)];
  }
  const Vector target = Eigen::Map<const Eigen::VectorXf>(row, dim).cast<double>();
  std::vector<int> taken;
  Vector values, residual = target;
  for (int step = 0; step < 2 * k && static_cast<int>(taken.size()) < k; ++step) {
    Vector products = directions.transpose() * residual;
    for (int j = 0; j < latents; ++j) products[j] /= std::max(1e-300, directions.col(j).norm());
    int best = 0;
    if (!(products.maxCoeff(&best) > 1e-6 * target.norm())) break;
    taken.push_back(best);
    while (true) {
      Matrix some(dim, taken.size());
      for (size_t i = 0; i < taken.size(); ++i) some.col(i) = directions.col(taken[i]);
      values = some.colPivHouseholderQr().solve(target);
      residual = target - some * values;
      int least = 0;
      if (taken.empty()) break;
      // As the pursuit does, in units of directions of unit norm.
      Vector scaled = values;
      for (size_t i = 0; i < taken.size(); ++i) scaled[i] *= directions.col(taken[i]).norm();
      if (scaled.minCoeff(&least) > 0) break;
      taken.erase(taken.begin() + least);
    }
  }
  std::vector<LatentActivation> code;
  for (size_t i = 0; i < taken.size(); ++i) {
    code.push_back({taken[i], static_cast<float>(values[static_cast<int>(i)])});
  }
  std::sort(code.begin(), code.end(), [](const auto& a, const auto& b) {
    return a.value != b.value ? a.value > b.value : a.latent < b.latent;
  });
  return code;
}

TEST(PursuitTest, IsThePlainDefinition) {
  constexpr int kLatents = 90, kDim = 12, kRows = 37;
  for (const int k : {1, 3, 8}) {
    const std::vector<float> decoder = RandomValues(kLatents * kDim, 1);
    const std::vector<float> rows = RandomValues(kRows * kDim, 2);
    const Pursuit pursuit(decoder, kLatents, kDim);
    for (int r = 0; r < kRows; ++r) {
      const float* row = rows.data() + r * kDim;
      const auto expected = Plain(decoder, kLatents, kDim, row, k);
      const auto code = pursuit.Encode(row, All(kLatents), k);
      ASSERT_EQ(code.size(), expected.size()) << "row " << r << ", k " << k;
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(code[i].latent, expected[i].latent) << "row " << r << ", k " << k;
        EXPECT_NEAR(code[i].value, expected[i].value, 1e-4) << "row " << r;
      }
    }
  }
}

TEST(PursuitTest, FindsTheDirectionsThatARowIsMadeOf) {
  constexpr int kLatents = 200, kDim = 64;
  std::vector<float> decoder = RandomValues(kLatents * kDim, 3);
  for (int i = 0; i < kDim; ++i) decoder[static_cast<size_t>(kDim + i)] *= 100;  // not of unit norm
  std::vector<float> row(kDim);
  for (const auto& [latent, value] :
       {std::pair(1, 0.02f), std::pair(50, 1.5f), std::pair(7, 3.0f)}) {
    for (int i = 0; i < kDim; ++i)
      row[i] += value * decoder[static_cast<size_t>(latent * kDim + i)];
  }
  const auto code = Pursuit(decoder, kLatents, kDim).Encode(row.data(), All(kLatents), 3);
  ASSERT_EQ(code.size(), 3u);
  EXPECT_EQ(code[0].latent, 7);
  EXPECT_NEAR(code[0].value, 3.0f, 1e-4);
  EXPECT_EQ(code[1].latent, 50);
  EXPECT_NEAR(code[1].value, 1.5f, 1e-4);
  EXPECT_EQ(code[2].latent, 1);
  EXPECT_NEAR(code[2].value, 0.02f, 1e-5);
}

TEST(PursuitTest, TakesNothingWhereNothingPointsAlong) {
  const std::vector<float> decoder = {1, 0, 0, 0, 0, 0, 0, 1, 0};  // one row of zeros
  const Pursuit pursuit(decoder, 3, 3);
  const float zeros[] = {0, 0, 0}, away[] = {-1, -1, 5}, along[] = {2, 0, 0};
  EXPECT_TRUE(pursuit.Encode(zeros, All(3), 3).empty());
  EXPECT_TRUE(pursuit.Encode(away, All(3), 3).empty());
  const std::vector<LatentActivation> first = {{0, 2.0f}};
  EXPECT_EQ(pursuit.Encode(along, All(3), 3), first);
}

TEST(PursuitTest, ChoosesAmongTheCandidatesAlone) {
  const std::vector<float> decoder = {1, 0, 0, 1, 1, 1};
  const float row[] = {3, 3};
  const std::vector<LatentActivation> candidates = {{0, 0}, {1, 0}};
  const auto code = Pursuit(decoder, 3, 2).Encode(row, candidates, 1);
  ASSERT_EQ(code.size(), 1u);
  EXPECT_EQ(code[0], (LatentActivation{0, 3.0f}));
  EXPECT_TRUE(Pursuit(decoder, 3, 2).Encode(row, {}, 1).empty());
}

TEST(PursuitTest, EqualDirectionsAreTakenOnce) {
  const std::vector<float> decoder = {1, 1, 2, 2, 1, -1};
  const float row[] = {3, 1};
  const auto code = Pursuit(decoder, 3, 2).Encode(row, All(3), 3);
  ASSERT_EQ(code.size(), 2u);
  EXPECT_EQ(code[0].latent, 0);
  EXPECT_NEAR(code[0].value, 2, 1e-6);
  EXPECT_EQ(code[1].latent, 2);
  EXPECT_NEAR(code[1].value, 1, 1e-6);
}

}  // namespace
}  // namespace recsae::sae
