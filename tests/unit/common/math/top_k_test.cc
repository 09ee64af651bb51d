#include "common/math/simd/top_k.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "common/sae/reference.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::math {
namespace {

namespace reference = sae::reference;
using sae::RandomValues;

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<LatentActivation> Select(const std::vector<float>& values, int k, bool positive_only) {
  std::vector<LatentActivation> out(values.size());
  out.resize(static_cast<size_t>(
      SelectTopK(values.data(), static_cast<int>(values.size()), k, positive_only, out.data())));
  return out;
}

TEST(TopKTest, OrdersByFallingValue) {
  EXPECT_THAT(Select({1, 5, -2, 3}, 2, true),
              ElementsAre(LatentActivation{1, 5}, LatentActivation{3, 3}));
}

TEST(TopKTest, LowerIndexWinsTies) {
  EXPECT_THAT(Select({2, 7, 2, 7, 2, 7}, 2, true),
              ElementsAre(LatentActivation{1, 7}, LatentActivation{3, 7}));
  EXPECT_THAT(Select({2, 2, 7, 2}, 3, true),
              ElementsAre(LatentActivation{2, 7}, LatentActivation{0, 2}, LatentActivation{1, 2}));
}

TEST(TopKTest, ReluLeavesOutWhatIsNotPositive) {
  EXPECT_THAT(Select({-1, 0, -3}, 2, true), IsEmpty());
  EXPECT_THAT(Select({-1, 4, 0}, 2, true), ElementsAre(LatentActivation{1, 4}));
  EXPECT_THAT(Select({-1, 0, -3}, 2, false),
              ElementsAre(LatentActivation{1, 0}, LatentActivation{0, -1}));
}

TEST(TopKTest, NeverSelectsNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(Select({nan, 1, nan, 2}, 4, false),
              ElementsAre(LatentActivation{3, 2}, LatentActivation{1, 1}));
  EXPECT_THAT(Select({nan, nan}, 1, true), IsEmpty());
}

TEST(TopKTest, SelectsAllWhenKIsAtLeastN) {
  EXPECT_EQ(Select({3, 1, 2}, 3, true).size(), 3u);
  EXPECT_EQ(Select({3, 1, 2}, 100, true).size(), 3u);
  EXPECT_THAT(Select({}, 1, true), IsEmpty());
}

// Every way of selecting (short list, sorting, tails of blocks) against the plain one. Values are
// rounded so that ties abound.
TEST(TopKTest, MatchesReferenceOverSizes) {
  for (int n : {1, 7, 31, 32, 33, 64, 100, 1024, 1031}) {
    for (int k : {1, 2, 8, 63, 64, 65, n}) {
      for (bool relu : {true, false}) {
        std::vector<float> values = RandomValues(n, static_cast<uint64_t>(n * 131 + k));
        for (float& value : values) value = std::round(value * 4.0f) / 4.0f;
        const reference::Code<float> expected = reference::TopK(values, k, relu, nullptr);
        const std::vector<LatentActivation> actual = Select(values, k, relu);
        ASSERT_EQ(actual.size(), expected.latents.size()) << n << " " << k << " " << relu;
        for (size_t c = 0; c < actual.size(); ++c) {
          EXPECT_EQ(actual[c].latent, expected.latents[c]) << n << " " << k << " " << relu;
          EXPECT_EQ(actual[c].value, expected.values[c]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace recsae::math
