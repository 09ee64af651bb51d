#include "clients/cli/text/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/base/status.h"

namespace recsae::cli {
namespace {

using testing::HasSubstr;

TEST(ErrorsTest, ExitStatus) {
  EXPECT_EQ(ExitStatus(absl::OkStatus()), 0);
  EXPECT_EQ(ExitStatus(UsageError("no")), 2);
  EXPECT_EQ(ExitStatus(absl::InternalError("no")), 1);
  EXPECT_EQ(ExitStatus(absl::InvalidArgumentError("k is 0")), 3);
  EXPECT_EQ(ExitStatus(absl::NotFoundError("no")), 4);
  EXPECT_EQ(ExitStatus(absl::AlreadyExistsError("no")), 5);
  EXPECT_EQ(ExitStatus(absl::FailedPreconditionError("no")), 6);
  EXPECT_EQ(ExitStatus(absl::UnavailableError("no")), 7);
  EXPECT_EQ(ExitStatus(absl::DeadlineExceededError("no")), 8);
  EXPECT_EQ(ExitStatus(absl::ResourceExhaustedError("no")), 9);
  EXPECT_EQ(ExitStatus(absl::CancelledError("no")), 10);
}

TEST(ErrorsTest, AsJson) {
  BadRequest bad;
  bad.Add("k", "is 0");
  const auto json = nlohmann::json::parse(ErrorAsJson(bad.ToStatus()));
  EXPECT_EQ(json["error"]["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(json["error"]["violations"][0]["field"], "k");
  const auto found = nlohmann::json::parse(ErrorAsJson(
      Error(absl::StatusCode::kNotFound, "SAE_NOT_FOUND", "no \xFF", {{"sae", "saes/x"}})));
  EXPECT_EQ(found["error"]["reason"], "SAE_NOT_FOUND");
  EXPECT_EQ(found["error"]["metadata"]["sae"], "saes/x");
}

TEST(ErrorsTest, SaysCodeReasonTextAndWhatToDo) {
  const std::string text =
      DescribeError(Error(absl::StatusCode::kNotFound, "SAE_NOT_FOUND", "there is no saes/x", {}));
  EXPECT_THAT(text, HasSubstr("NOT_FOUND (SAE_NOT_FOUND): there is no saes/x"));
  EXPECT_THAT(text, HasSubstr("recsae saes list"));
}

TEST(ErrorsTest, UsageErrorsAreTheirMessage) {
  EXPECT_EQ(DescribeError(UsageError("choose one with --sae: a, b")),
            "choose one with --sae: a, b");
}

TEST(ErrorsTest, ForeignErrorsHaveNoReason) {
  EXPECT_EQ(DescribeError(absl::InternalError("boom")), "INTERNAL: boom");
}

TEST(ErrorsTest, ATimeoutNamesItsFlag) {
  const absl::Status status = ExplainTimeout(absl::DeadlineExceededError("Deadline Exceeded"), 2);
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--timeout"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("2.0 s"));
  EXPECT_EQ(ExplainTimeout(absl::InternalError("boom"), 2), absl::InternalError("boom"));
}

}  // namespace
}  // namespace recsae::cli
