// The sequences are part of results that must come out the same for ever: weights, orders, cases.
#include "common/base/random.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace recsae {
namespace {

TEST(RandomTest, SplitMixIsThePublishedSequence) {
  // The first values of SplitMix64 for the seed 1234567, after the one that seeding takes.
  Random random(1234567);
  EXPECT_EQ(random.Next(), 3203168211198807973u);
  EXPECT_EQ(random.Next(), 9817491932198370423u);
  EXPECT_EQ(random.Next(), 4593380528125082431u);
  EXPECT_EQ(random.Next(), 16408922859458223821u);
}

TEST(RandomTest, TheMersenneTwisterIsTheStandards) {
  std::mt19937_64 bits(5);
  MersenneRandom random(5);
  EXPECT_EQ(random.Next(), bits());
  EXPECT_EQ(random.Below(10), bits() % 10);
  EXPECT_EQ(random.Uniform(), static_cast<double>(bits() >> 11) * 0x1.0p-53);
  EXPECT_EQ(MersenneRandom(11).Normal(), MersenneRandom(11).Normal());
}

template <typename Source>
void ExpectEvenDraws(Source random) {
  constexpr int kDraws = 20'000;
  double sum = 0.0;
  double squares = 0.0;
  std::vector<int> places(5);
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.Normal();
    sum += value;
    squares += value * value;
    std::vector<int> order = {0, 1, 2, 3, 4};
    random.Shuffle(&order);
    places[static_cast<size_t>(order[0])] += 1;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.03);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.04);
  for (const int count : places) EXPECT_NEAR(count, kDraws / 5, 300);
}

TEST(RandomTest, DrawsAreEven) {
  ExpectEvenDraws(Random(3));
  ExpectEvenDraws(MersenneRandom(3));
}

TEST(RandomTest, MixTellsItsArgumentsApart) {
  EXPECT_NE(Random::Mix(1, 2, 3), Random::Mix(1, 3, 2));
  EXPECT_NE(Random::Mix(1, 2, 3), Random::Mix(2, 2, 3));
}

}  // namespace
}  // namespace recsae
