// Sizes never wrap around: compared with naive arithmetic in 128 bits.
#include "common/budget/bytes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/random.h"
#include "common/budget/paging.h"

namespace recsae {
namespace {

__extension__ typedef __int128 Wide;

// Numbers of every size, 0 and negative ones among them.
int64_t Draw(Random& random) {
  const auto value = static_cast<int64_t>(random.Below(uint64_t{1} << 62));
  const int64_t small = value >> random.Below(63);
  return random.Below(16) == 0 ? -small : small;
}

int64_t Clamped(Wide value) {
  return value > Wide{kMostBytes} ? kMostBytes : static_cast<int64_t>(value);
}

TEST(Bytes, ProductsAndSumsAreThoseOf128BitsCutAtTheLargest) {
  Random random(1);
  for (int i = 0; i < 200'000; ++i) {
    const int64_t a = Draw(random), b = Draw(random);
    const Wide wide_a = std::max<int64_t>(a, 0), wide_b = std::max<int64_t>(b, 0);
    ASSERT_EQ(SaturatingProduct(a, b), Clamped(wide_a * wide_b)) << a << " * " << b;
    ASSERT_EQ(SaturatingSum(a, b), Clamped(wide_a + wide_b)) << a << " + " << b;
  }
}

TEST(Bytes, ManyFactorsAndTerms) {
  EXPECT_EQ(Product({3, 4, 5}), 60);
  EXPECT_EQ(Product({kMostBytes, 2, 2}), kMostBytes);
  EXPECT_EQ(Product({kMostBytes, 2, 0}), 0) << "nothing of something is nothing";
  EXPECT_EQ(Sum({1, 2, 3}), 6);
  EXPECT_EQ(Sum({kMostBytes, kMostBytes, -5}), kMostBytes);
}

TEST(Bytes, ReadableBothWays) {
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(3 * kGib + kGib / 2), "3.5 GiB");
  int64_t bytes = 0;
  for (const char* text : {"1073741824", "1048576K", "1024M", "1024MiB", "1Gi", "1G", "1GiB"}) {
    EXPECT_TRUE(ParseBytes(text, &bytes)) << text;
    EXPECT_EQ(bytes, kGib) << text;
  }
  for (const char* text : {"", "0", "-1", "1.5G", "G", "12X", "9000000T"}) {
    EXPECT_FALSE(ParseBytes(text, &bytes)) << text;
  }
}

TEST(PageBytes, EndsByEntriesOrBytesButHoldsOneAtLeast) {
  PageBytes by_entries(2);
  EXPECT_TRUE(by_entries.Takes(1));
  EXPECT_TRUE(by_entries.Takes(1));
  EXPECT_FALSE(by_entries.Takes(1));
  PageBytes by_bytes(1000);
  EXPECT_TRUE(by_bytes.Takes(kPageBytes + 1)) << "or the list would never go on";
  EXPECT_FALSE(by_bytes.Takes(1));
}

}  // namespace
}  // namespace recsae
