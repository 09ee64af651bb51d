// What training begins with.
#include "common/sae/initial_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "common/base/random.h"
#include "common/math/simd/kernels.h"

namespace recsae::sae {
namespace {

constexpr int kDim = 24;
constexpr int kRows = 40;

class InitialDecoderTest : public testing::Test {
 protected:
  InitialDecoderTest() : sample_(kRows * kDim), centre_(kDim, 3.0f) {
    MersenneRandom random(11);
    for (float& value : sample_) value = 3.0f + 2.0f * static_cast<float>(random.Normal());
    config_.initial_decoder = InitialDecoder::kRows;
    config_.latents = 30;
    config_.seed = 5;
  }

  std::vector<float> Make() const {
    std::vector<float> decoder(static_cast<size_t>(config_.latents) * kDim);
    FillInitialDecoder(config_, sample_.data(), kRows, centre_, decoder);
    return decoder;
  }

  // Of a latent and a row from the centre.
  double Cosine(const std::vector<float>& decoder, int latent, int row) const {
    double dot = 0, squares = 0;
    for (int i = 0; i < kDim; ++i) {
      const double x = sample_[row * kDim + i] - centre_[i];
      dot += x * decoder[latent * kDim + i];
      squares += x * x;
    }
    return dot / std::sqrt(squares);
  }

  // The row that each latent lies on, -1 where on none.
  std::vector<int> RowsOf(const std::vector<float>& decoder) const {
    std::vector<int> rows;
    for (int latent = 0; latent < config_.latents; ++latent) {
      rows.push_back(-1);
      for (int row = 0; row < kRows; ++row) {
        if (Cosine(decoder, latent, row) > 0.99) rows.back() = row;
      }
    }
    return rows;
  }

  static void ExpectUnitNorms(const std::vector<float>& decoder) {
    for (size_t at = 0; at < decoder.size(); at += kDim) {
      EXPECT_NEAR(math::SquaredNorm(&decoder[at], kDim), 1.0, 1e-5);
    }
  }

  TrainConfig config_;
  std::vector<float> sample_, centre_;
};

TEST_F(InitialDecoderTest, TakesEachRowOnce) {
  const std::vector<float> decoder = Make();
  ExpectUnitNorms(decoder);
  const std::vector<int> rows = RowsOf(decoder);
  const std::set<int> different(rows.begin(), rows.end());
  EXPECT_EQ(different.count(-1), 0u);
  EXPECT_EQ(different.size(), 30u);
}

TEST_F(InitialDecoderTest, TheSeedDrawsTheRows) {
  const std::vector<float> decoder = Make();
  EXPECT_EQ(Make(), decoder);
  config_.seed = 6;
  EXPECT_NE(RowsOf(Make()), RowsOf(decoder));
}

TEST_F(InitialDecoderTest, LatentsBeyondTheRowsAreRandom) {
  config_.latents = 64;
  const std::vector<float> decoder = Make();
  ExpectUnitNorms(decoder);
  const std::vector<int> rows = RowsOf(decoder);
  EXPECT_EQ(std::set<int>(rows.begin(), rows.begin() + kRows).count(-1), 0u);
  EXPECT_EQ(std::set<int>(rows.begin() + kRows, rows.end()), std::set<int>{-1});
}

// Latents that are equal would stay so.
TEST_F(InitialDecoderTest, OfEqualRowsAndOfTheCentreComeDifferentLatents) {
  for (int row = 1; row < kRows; ++row) {
    std::copy_n(sample_.begin(), kDim, sample_.begin() + row * kDim);
  }
  std::copy_n(centre_.begin(), kDim, sample_.begin() + 7 * kDim);
  config_.latents = kRows;
  const std::vector<float> decoder = Make();
  ExpectUnitNorms(decoder);
  std::set<std::vector<float>> different;
  for (int latent = 0; latent < kRows; ++latent) {
    different.insert({decoder.begin() + latent * kDim, decoder.begin() + (latent + 1) * kDim});
  }
  EXPECT_EQ(different.size(), static_cast<size_t>(kRows));
}

TEST_F(InitialDecoderTest, RandomOnesKnowNothingOfTheRows) {
  config_.initial_decoder = InitialDecoder::kRandom;
  const std::vector<float> decoder = Make();
  ExpectUnitNorms(decoder);
  const std::vector<int> rows = RowsOf(decoder);
  EXPECT_EQ(std::set<int>(rows.begin(), rows.end()), std::set<int>{-1});
}

}  // namespace
}  // namespace recsae::sae
