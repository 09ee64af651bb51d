#include "services/explainer/evidence/dictionary.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/base/random.h"
#include "tests/unit/explainer/evidence/planted.h"

namespace recsae::explainer {
namespace {

constexpr int kDim = 8;
constexpr int64_t kRows = 600;

// Rows of different spread along each axis, off the origin.
std::vector<float> Rows(uint64_t seed) {
  Random random(seed, 5);
  std::vector<float> rows;
  for (int64_t i = 0; i < kRows * kDim; ++i) {
    const auto axis = static_cast<double>(i % kDim);
    rows.push_back(static_cast<float>(3 + random.Normal() * (1 + axis)));
  }
  return rows;
}

// Sum of |x - x^|^2 over the rows.
double Missing(const Dictionary& dictionary, const std::vector<float>& rows) {
  const sae::SparseCodes codes = *dictionary.Encode(rows.data(), kRows, Always);
  double missing = 0;
  for (int64_t row = 0; row < kRows; ++row) {
    std::vector<double> rebuilt(dictionary.offset().begin(), dictionary.offset().end());
    for (const auto& [latent, value] : codes.Row(row)) {
      for (int d = 0; d < kDim; ++d) {
        rebuilt[static_cast<size_t>(d)] +=
            double{value} * dictionary.decoder()[static_cast<size_t>(latent * kDim + d)];
      }
    }
    for (int d = 0; d < kDim; ++d) {
      missing +=
          std::pow(rows[static_cast<size_t>(row * kDim + d)] - rebuilt[static_cast<size_t>(d)], 2);
    }
  }
  return missing;
}

TEST(DictionaryTest, RawDimensionsAndComponentsRebuildEverything) {
  const std::vector<float> rows = Rows(1);
  EXPECT_LT(Missing(*RawDictionary(rows, kDim), rows), 1e-3);
  EXPECT_LT(Missing(*ComponentsDictionary(rows, kDim), rows), 1e-3);
}

TEST(DictionaryTest, TheFirstComponentIsTheAxisOfLargestSpread) {
  const auto components = ComponentsDictionary(Rows(2), kDim);
  EXPECT_GT(std::abs(components->decoder()[kDim - 1]), 0.9);
  EXPECT_TRUE(components->is_signed());
}

TEST(DictionaryTest, TheFittedDecoderIsTheBestForItsCodes) {
  const std::vector<float> rows = Rows(3);
  for (const bool exemplars : {false, true}) {
    const auto dictionary = exemplars ? *ExemplarDictionary(rows, kDim, 24, 3, 4, Always)
                                      : *RandomDictionary(rows, kDim, 24, 3, 4, Always);
    EXPECT_EQ(dictionary->latents(), 24);
    const sae::SparseCodes codes = *dictionary->Encode(rows.data(), kRows, Always);
    for (int64_t row = 0; row < kRows; ++row) EXPECT_LE(codes.Row(row).size(), 3u);
    // The residual is at right angles to every code, but for the ridge.
    std::vector<double> products(24 * kDim);
    double scale = 0;
    for (int64_t row = 0; row < kRows; ++row) {
      std::vector<double> rebuilt(dictionary->offset().begin(), dictionary->offset().end());
      for (const auto& [latent, value] : codes.Row(row)) {
        for (int d = 0; d < kDim; ++d) {
          rebuilt[static_cast<size_t>(d)] +=
              double{value} * dictionary->decoder()[static_cast<size_t>(latent * kDim + d)];
        }
      }
      for (const auto& [latent, value] : codes.Row(row)) {
        scale += double{value} * value;
        for (int d = 0; d < kDim; ++d) {
          const auto at = static_cast<size_t>(d);
          products[static_cast<size_t>(latent * kDim + d)] +=
              value * (rows[static_cast<size_t>(row * kDim + d)] - rebuilt[at]);
        }
      }
    }
    for (const double product : products) EXPECT_LT(std::abs(product), 0.02 * scale);
  }
}

TEST(DictionaryTest, OneSeedGivesOneDictionary) {
  const std::vector<float> rows = Rows(4);
  const auto a = *RandomDictionary(rows, kDim, 16, 2, 7, Always);
  const auto b = *RandomDictionary(rows, kDim, 16, 2, 7, Always);
  const auto c = *RandomDictionary(rows, kDim, 16, 2, 8, Always);
  const auto same = [](const Dictionary& x, const Dictionary& y) {
    return std::equal(x.decoder().begin(), x.decoder().end(), y.decoder().begin());
  };
  EXPECT_TRUE(same(*a, *b));
  EXPECT_FALSE(same(*a, *c));
}

TEST(DictionaryTest, WorkEndsWhenNobodyWantsItAnyMore) {
  const std::vector<float> rows = Rows(5);
  const auto cancelled = [] { return absl::CancelledError("enough"); };
  EXPECT_EQ(RandomDictionary(rows, kDim, 16, 2, 7, cancelled).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace recsae::explainer
