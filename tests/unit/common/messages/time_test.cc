#include "common/messages/time.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace recsae {
namespace {

TEST(TimeTest, SecondsAndNanosecondsAddUp) {
  const auto timestamp = ToTimestamp(absl::FromUnixNanos(1'700'000'000'123'456'789));
  EXPECT_EQ(timestamp.seconds(), 1'700'000'000);
  EXPECT_EQ(timestamp.nanos(), 123'456'789);
  // A message's nanoseconds count forwards, before 1970 as after.
  const auto before = ToTimestamp(absl::FromUnixNanos(-1));
  EXPECT_EQ(before.seconds(), -1);
  EXPECT_EQ(before.nanos(), 999'999'999);
}

TEST(TimeTest, NothingEndsBeforeItBegan) {
  for (const int64_t nanos : {-1'500'000'000LL, -1LL, 0LL, 1LL, 2'000'000'000LL}) {
    const absl::Time began = absl::FromUnixSeconds(1'700'000'000);
    const auto end = NotBefore(ToTimestamp(began), ToTimestamp(began + absl::Nanoseconds(nanos)));
    const auto expected = ToTimestamp(began + absl::Nanoseconds(std::max<int64_t>(nanos, 0)));
    EXPECT_EQ(end.seconds(), expected.seconds());
    EXPECT_EQ(end.nanos(), expected.nanos());
  }
}

}  // namespace
}  // namespace recsae
