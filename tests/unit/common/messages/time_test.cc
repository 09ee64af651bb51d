#include "common/messages/time.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace recsae
