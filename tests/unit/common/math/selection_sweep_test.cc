// Selection against plain sorting: all sizes around those of vectors and words, ties, values that
// are not numbers, adverse orders, rows offered in tiles, on each instruction set.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "common/math/simd/top_k.h"
#include "common/sae/reference_codes.h"
#include "tests/unit/common/math/sweep_testing.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::math {
namespace {

namespace reference = sae::reference;
using sae::RandomValues;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargest = std::numeric_limits<float>::max();

enum class Kind {
  kNormal,
  kTies,
  kNegative,
  kZeros,
  kConstant,
  kRising,
  kFalling,
  kDenormal,
  kHuge,
  kSomeNan,
  kAllNan,
  kInfinite,
  kOnePositive,
  kCount,
};

float ValueOf(Kind kind, float normal, uint64_t draw, int i, int n) {
  switch (kind) {
    case Kind::kTies:
      return std::round(normal * 2.0f);
    case Kind::kNegative:
      return -std::abs(normal);
    case Kind::kZeros:
      return draw % 8 == 0 ? normal : draw % 2 == 0 ? 0.0f : -0.0f;
    case Kind::kConstant:
      return 0.25f;
    case Kind::kRising:
      return static_cast<float>(i - n / 2);
    case Kind::kFalling:
      return static_cast<float>(n / 2 - i);
    case Kind::kDenormal:
      return normal * 1e-44f;
    case Kind::kHuge:
      return draw % 3 == 0 ? kLargest : draw % 3 == 1 ? -kLargest : normal * 1e38f;
    case Kind::kSomeNan:
      return draw % 3 == 0 ? kNan : normal;
    case Kind::kAllNan:
      return kNan;
    case Kind::kInfinite:
      return draw % 4 == 0 ? kInfinity : draw % 4 == 1 ? -kInfinity : draw % 9 == 0 ? kNan : normal;
    case Kind::kOnePositive:
      return i == n / 3 ? 1.0f : -1.0f;
    default:
      return normal;
  }
}

std::vector<float> ValuesOf(Kind kind, int n, uint64_t seed) {
  std::vector<float> values = RandomValues(n, seed);
  std::mt19937_64 bits(seed + 1000);
  for (int i = 0; i < n; ++i) values[i] = ValueOf(kind, values[i], bits(), i, n);
  return values;
}

struct Point {
  Kind kind;
  int n;
  int k;
  bool positive_only;
};

std::ostream& operator<<(std::ostream& out, const Point& at) {
  return out << "kind " << static_cast<int>(at.kind) << " n " << at.n << " k " << at.k
             << (at.positive_only ? " positive" : "");
}

// All kinds and sizes, each with some k: 1, n, and others around where the ways of selecting
// change.
std::vector<Point> AllPoints() {
  std::vector<Point> points;
  std::mt19937 bits(1);
  for (int kind = 0; kind < static_cast<int>(Kind::kCount); ++kind) {
    for (int n : SweepSizes()) {
      constexpr int kOften[] = {2, 8, 16, 31, 32, 33, 63, 64, 65, 100};
      const int often = kOften[bits() % std::size(kOften)];
      const int any = 1 + static_cast<int>(bits() % static_cast<uint32_t>(n));
      for (int k : {1, often, any, n, n + 3}) {
        for (bool positive_only : {true, false}) {
          points.push_back({static_cast<Kind>(kind), n, k, positive_only});
        }
      }
    }
  }
  return points;
}

// Down to the bits: −0 is not 0.
void ExpectCode(const LatentActivation* actual, int count, const reference::Code<float>& expected,
                const Point& at) {
  ASSERT_EQ(count, static_cast<int>(expected.latents.size())) << at;
  for (int c = 0; c < count; ++c) {
    ASSERT_EQ(actual[c].latent, expected.latents[c]) << c << ": " << at;
    ASSERT_EQ(std::bit_cast<uint32_t>(actual[c].value), std::bit_cast<uint32_t>(expected.values[c]))
        << c << ": " << at;
  }
}

using SelectionSweepTest = InstructionSetTest;

TEST_P(SelectionSweepTest, SelectTopK) {
  for (const Point& at : AllPoints()) {
    const std::vector<float> plain = ValuesOf(at.kind, at.n, 1);
    Guarded<float> values(plain, static_cast<size_t>(at.n) % 4);
    Guarded<LatentActivation> out(
        std::vector<LatentActivation>(static_cast<size_t>(std::min(at.k, at.n))));
    const int count = SelectTopK(values.data(), at.n, at.k, at.positive_only, out.data());
    ExpectCode(out.data(), count, reference::TopK(plain, at.k, at.positive_only, nullptr), at);
    ASSERT_TRUE(out.GuardsIntact()) << at;
  }
}

// Lengths of consecutive tiles that make up n.
std::vector<int> RandomTiles(int n, std::mt19937& bits) {
  std::vector<int> tiles;
  for (int left = n; left > 0; left -= tiles.back()) {
    constexpr int kLengths[] = {1, 17, 63, 64, 128, 129, 300};
    tiles.push_back(std::min(left, kLengths[bits() % std::size(kLengths)]));
  }
  return tiles;
}

// The maxima of each groups-th value, as comparing one after the other gives them: a NaN stays
// where it is first, and is passed over elsewhere.
std::vector<float> MaximaOf(Guarded<float>& values, int n, int groups) {
  std::vector<float> maxima(static_cast<size_t>(groups), -kInfinity);
  for (int i = 0; i < n; ++i) {
    float& most = maxima[static_cast<size_t>(i % groups)];
    most = i < groups || values[i] > most ? values[i] : most;
  }
  return maxima;
}

// Offering a row tile by tile, with maxima of groups or without, selects what the whole row would.
TEST_P(SelectionSweepTest, OfferTopKInTiles) {
  std::mt19937 bits(2);
  for (const Point& at : AllPoints()) {
    const std::vector<float> values = ValuesOf(at.kind, at.n, 3);
    const std::vector<int> tiles = RandomTiles(at.n, bits);
    const int widest = *std::max_element(tiles.begin(), tiles.end());
    Guarded<LatentActivation> list(
        std::vector<LatentActivation>(static_cast<size_t>(at.k + widest)));
    int count = 0;
    int first = 0;
    for (int tile : tiles) {
      Guarded<float> part({values.begin() + first, values.begin() + first + tile}, bits() % 4);
      const int groups = 16 * (1 + static_cast<int>(bits() % 8));  // whole vectors
      Guarded<float> maxima(MaximaOf(part, tile, groups), bits() % 4);
      PreActivationSpan span{part.data(), tile, first};
      if (bits() % 2 == 0) span = {part.data(), tile, first, maxima.data(), groups};
      count = OfferTopK(span, at.k, at.positive_only, list.data(), count);
      ASSERT_LE(count, at.k) << at;
      for (int c = 1; c < count; ++c) ASSERT_LT(list[c - 1].latent, list[c].latent) << at;
      first += tile;
    }
    SortByValue(list.data(), count);
    ExpectCode(list.data(), count, reference::TopK(values, at.k, at.positive_only, nullptr), at);
    ASSERT_TRUE(list.GuardsIntact()) << at;
  }
}

TEST_P(SelectionSweepTest, CollectAbove) {
  std::mt19937 bits(5);
  for (const Point& at : AllPoints()) {
    if (at.k > 100) continue;     // k only varies where the span begins
    const int first = at.k % 50;  // the span is the end of a row that is so much longer
    const std::vector<float> values = ValuesOf(at.kind, first + at.n, 6);
    std::vector<float> threshold = ValuesOf(Kind::kTies, first + at.n, 7);
    for (size_t i = 0; i < threshold.size(); ++i) {
      if (bits() % 3 == 0 && !std::isnan(values[i])) threshold[i] = values[i];  // equal: not above
      if (at.positive_only) threshold[i] = 0.0f;
    }
    Guarded<float> part({values.begin() + first, values.end()}, bits() % 4);
    Guarded<float> guarded_threshold(threshold, bits() % 4);
    Guarded<LatentActivation> out(std::vector<LatentActivation>(static_cast<size_t>(at.n)));
    const int count =
        CollectAbove({part.data(), at.n, first},
                     at.positive_only ? nullptr : guarded_threshold.data(), out.data());
    for (int c = 1; c < count; ++c) ASSERT_LT(out[c - 1].latent, out[c].latent) << at;
    SortByValue(out.data(), count);
    std::fill_n(threshold.begin(), first, kInfinity);  // nothing before the span
    ExpectCode(out.data(), count, reference::Above(values, threshold), at);
    ASSERT_TRUE(out.GuardsIntact()) << at;
  }
}

TEST_P(SelectionSweepTest, SortByValue) {
  for (const Point& at : AllPoints()) {
    if (at.k != at.n || at.positive_only) continue;  // neither matters here: each size once
    const std::vector<float> values = ValuesOf(at.kind, at.n, 8);
    std::vector<LatentActivation> shuffled;
    for (int i = 0; i < at.n; ++i) {
      if (!std::isnan(values[i]) && values[i] > -kInfinity) shuffled.push_back({i, values[i]});
    }
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(9));
    Guarded<LatentActivation> code(shuffled);
    SortByValue(code.data(), static_cast<int>(shuffled.size()));
    ExpectCode(code.data(), static_cast<int>(shuffled.size()),
               reference::TopK(values, at.n, false, nullptr), at);
    ASSERT_TRUE(code.GuardsIntact()) << at;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SelectionSweepTest,
                         ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         InstructionSetName);

}  // namespace
}  // namespace recsae::math
