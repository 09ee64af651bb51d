#include "services/explainer/verification/neighbours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/explainer/evidence/hand_made.h"
#include "tests/unit/explainer/verification/tables.h"

namespace recsae::explainer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kDim = 5;
constexpr int kRows = 300;

HandMade DictionaryOf(const std::vector<std::vector<float>>& directions, bool is_signed) {
  return HandMade(
      directions, [](const float* /*row*/) { return Code(); }, is_signed);
}

std::vector<std::vector<float>> RandomDirections(int latents, uint64_t seed) {
  Random random(seed, 3);
  std::vector<std::vector<float>> directions(static_cast<size_t>(latents));
  for (auto& direction : directions) {
    for (int d = 0; d < kDim; ++d) direction.push_back(static_cast<float>(2 * random.Normal()));
  }
  return directions;
}

// Each row has a mood, in which one latent in seven often fires.
sae::SparseCodes RandomCodes(int latents, bool is_signed, uint64_t seed) {
  Random random(seed, 4);
  sae::SparseCodes codes;
  for (int row = 0; row < kRows; ++row) {
    const uint64_t mood = random.Below(7);
    Code code;
    for (int latent = 0; latent < latents; ++latent) {
      const bool fits = static_cast<uint64_t>(latent) % 7 == mood;
      if (random.Below(fits ? 2 : 20) != 0) continue;
      const double sign = is_signed && random.Below(3) == 0 ? -1 : 1;
      code.push_back({latent, static_cast<float>(sign * (0.2 + random.Uniform()))});
    }
    codes.Append(code);
  }
  return codes;
}

double PlainCosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (size_t d = 0; d < a.size(); ++d) {
    ab += double{a[d]} * b[d];
    aa += double{a[d]} * a[d];
    bb += double{b[d]} * b[d];
  }
  return aa == 0 || bb == 0 ? 0 : ab / std::sqrt(aa * bb);
}

// Worths of all others, largest first.
std::vector<double> Falling(const std::vector<double>& worths, size_t own) {
  std::vector<double> others;
  for (size_t i = 0; i < worths.size(); ++i) {
    if (i != own) others.push_back(worths[i]);
  }
  std::sort(others.rbegin(), others.rend());
  return others;
}

// More latents than are multiplied at a time, and fewer.
TEST(NeighboursTest, AgreeWithBruteForce) {
  for (const int latents : {150, 40, 3}) {
    for (const bool is_signed : {false, true}) {
      const auto directions = RandomDirections(latents, static_cast<uint64_t>(latents));
      const sae::SparseCodes codes = RandomCodes(latents, is_signed, 1);
      constexpr int kMost = 4;
      const auto found = *FindNeighbours(DictionaryOf(directions, is_signed), codes, kMost, Always);
      ASSERT_EQ(found.size(), directions.size());
      std::vector<std::vector<double>> dense(directions.size());
      for (int latent = 0; latent < latents; ++latent) {
        for (int64_t row = 0; row < kRows; ++row) {
          dense[static_cast<size_t>(latent)].push_back(ActivationIn(codes, row, latent));
        }
      }
      for (size_t own = 0; own < directions.size(); ++own) {
        std::vector<double> cosines;
        std::vector<double> togethers;
        for (size_t other = 0; other < directions.size(); ++other) {
          const double cosine = PlainCosine(directions[own], directions[other]);
          const double together = PlainPearson(dense[own], dense[other]);
          cosines.push_back(is_signed ? std::abs(cosine) : cosine);
          togethers.push_back(is_signed ? std::abs(together) : together);
        }
        const size_t kept = std::min<size_t>(kMost, directions.size() - 1);
        const double least_cosine = Falling(cosines, own)[kept - 1];
        const double least_together = Falling(togethers, own)[kept - 1];
        std::set<int32_t> listed;
        for (const Neighbour& other : found[own]) {
          const auto at = static_cast<size_t>(other.latent);
          EXPECT_NE(at, own);
          EXPECT_TRUE(listed.empty() || other.latent > *listed.rbegin());
          listed.insert(other.latent);
          EXPECT_NEAR(other.cosine, PlainCosine(directions[own], directions[at]), 1e-5);
          EXPECT_NEAR(other.together, PlainPearson(dense[own], dense[at]), 1e-5);
          EXPECT_TRUE(cosines[at] > least_cosine - 1e-5 || togethers[at] > least_together - 1e-5);
        }
        for (size_t other = 0; other < directions.size(); ++other) {
          if (other == own) continue;
          if (cosines[other] > least_cosine + 1e-5 || togethers[other] > least_together + 1e-5) {
            EXPECT_TRUE(listed.contains(static_cast<int32_t>(other))) << own << " " << other;
          }
        }
      }
    }
  }
}

std::vector<int32_t> Numbers(const std::vector<Neighbour>& neighbours) {
  std::vector<int32_t> numbers;
  for (const Neighbour& neighbour : neighbours) numbers.push_back(neighbour.latent);
  return numbers;
}

TEST(NeighboursTest, OfEqualOnesTheLowerNumbersAreTaken) {
  // All on one axis, and never firing: everything ties.
  const std::vector<std::vector<float>> same(70, {0, 2, 0});
  sae::SparseCodes silent;
  for (int row = 0; row < 10; ++row) silent.Append({});
  const auto found = *FindNeighbours(DictionaryOf(same, false), silent, 3, Always);
  EXPECT_THAT(Numbers(found[0]), ElementsAre(1, 2, 3));
  EXPECT_THAT(Numbers(found[1]), ElementsAre(0, 2, 3));
  EXPECT_THAT(Numbers(found[69]), ElementsAre(0, 1, 2));
}

TEST(NeighboursTest, OppositeLatentsAreCloseWhereCodesHaveBothSigns) {
  const std::vector<std::vector<float>> directions = {{1, 0}, {-3, 0}, {0.2f, 1}};
  sae::SparseCodes codes;  // 0 and 1 against each other
  for (int row = 0; row < 20; ++row) {
    const float value = row % 2 == 0 ? 1.0f : -1.0f;
    codes.Append(Code{{0, value}, {1, -value}, {2, static_cast<float>(row % 5)}});
  }
  const auto with_signs = *FindNeighbours(DictionaryOf(directions, true), codes, 1, Always);
  ASSERT_THAT(Numbers(with_signs[0]), ElementsAre(1));
  EXPECT_NEAR(with_signs[0][0].cosine, -1, 1e-6);
  EXPECT_NEAR(with_signs[0][0].together, -1, 1e-6);
  const auto without = *FindNeighbours(DictionaryOf(directions, false), codes, 1, Always);
  EXPECT_THAT(Numbers(without[0]), ElementsAre(2));
}

TEST(NeighboursTest, LatentsWithoutDirectionOrFiringAndDictionariesOfOne) {
  auto directions = RandomDirections(6, 2);
  directions[2].assign(kDim, 0);
  const auto found =
      *FindNeighbours(DictionaryOf(directions, false), RandomCodes(4, false, 2), 2, Always);
  for (const Neighbour& other : found[2]) EXPECT_EQ(other.cosine, 0);
  for (const Neighbour& other : found[5]) EXPECT_EQ(other.together, 0);
  const auto one = *FindNeighbours(DictionaryOf({{1, 0}}, false), {}, 5, Always);
  EXPECT_THAT(one, ElementsAre(IsEmpty()));
}

TEST(NeighboursTest, ACancelIsHeard) {
  const auto gone = [] { return absl::CancelledError("gone"); };
  EXPECT_EQ(FindNeighbours(DictionaryOf({{1, 0}}, false), {}, 5, gone).status().message(), "gone");
}

}  // namespace
}  // namespace recsae::explainer
