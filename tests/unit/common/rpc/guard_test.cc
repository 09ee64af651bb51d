// What runs where nobody would take an exception.
#include "common/rpc/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>

#include "common/base/status.h"

namespace recsae {
namespace {

TEST(ContainTest, GivesWhatTheWorkGives) {
  EXPECT_TRUE(Contain("work", [] { return absl::OkStatus(); }).ok());
  EXPECT_EQ(Contain("work", [] { return absl::NotFoundError("none"); }),
            absl::NotFoundError("none"));
}

TEST(ContainTest, MemoryThatRanOutIsAStatusThatNamesTheWork) {
  const absl::Status status =
      Contain("serving watches", []() -> absl::Status { throw std::bad_alloc(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(status), "OUT_OF_MEMORY");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("serving watches"));
}

TEST(ContainTest, AnotherExceptionTellsItsTextToTheLogAlone) {
  const absl::Status status =
      Contain("work", []() -> absl::Status { throw std::runtime_error("secret"); });
  EXPECT_EQ(Reason(status), "INTERNAL_ERROR");
  EXPECT_THAT(std::string(status.message()), testing::Not(testing::HasSubstr("secret")));
  EXPECT_EQ(Reason(Contain("work", []() -> absl::Status { throw 1; })), "INTERNAL_ERROR");
}

}  // namespace
}  // namespace recsae
