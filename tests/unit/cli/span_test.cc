#include "clients/cli/text/span.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"

namespace recsae::cli {
namespace {

TEST(ParseSpanTest, ANumberAndItsUnit) {
  EXPECT_EQ(*ParseSpan("90s"), absl::Seconds(90));
  EXPECT_EQ(*ParseSpan("15m"), absl::Minutes(15));
  EXPECT_EQ(*ParseSpan("1.5h"), absl::Minutes(90));
  EXPECT_EQ(*ParseSpan("30d"), absl::Hours(720));
  EXPECT_EQ(*ParseSpan("2w"), absl::Hours(336));
}

TEST(ParseSpanTest, WhatIsNoneIsRefused) {
  for (const char* text :
       {"", "d", "30", "0d", "-1d", "1y", "d30", "1e9d", "nan d", "nand", "infd"}) {
    const absl::Status status = ParseSpan(text).status();
    EXPECT_EQ(Reason(status), "SPAN_MALFORMED") << text;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("'30d'"));
  }
}

}  // namespace
}  // namespace recsae::cli
