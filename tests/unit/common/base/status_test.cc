#include "common/base/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/utf8.h"

namespace recsae {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

absl::Status NoSae() {
  return Error(absl::StatusCode::kNotFound, "SAE_NOT_FOUND", "there is no saes/x",
               {{"sae", "saes/x"}, {"hint", "list"}});
}

TEST(Error, CarriesReasonAndMetadata) {
  const absl::Status status = NoSae();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "there is no saes/x");
  EXPECT_EQ(Reason(status), "SAE_NOT_FOUND");
  EXPECT_THAT(Metadata(status), ElementsAre(Pair("hint", "list"), Pair("sae", "saes/x")));
}

TEST(Error, MetadataMayHoldAnything) {
  const ErrorMetadata metadata = {{"b", "1:x"}, {"", "12:"}, {"a", ""}, {"b", "last"}};
  const absl::Status status = Error(absl::StatusCode::kInternal, "ODD", "odd", metadata);
  EXPECT_THAT(Metadata(status), ElementsAre(Pair("", "12:"), Pair("a", ""), Pair("b", "last")));
  EXPECT_EQ(Reason(status), "ODD");
}

TEST(Error, ForeignPayloadsAreNoReason) {
  for (const char* bytes : {"", "x", "5:ab", "99999999999999999999:a", "3:abc2"}) {
    absl::Status status = absl::InternalError("x");
    status.SetPayload(kReasonPayload, absl::Cord(bytes));
    status.SetPayload(kViolationsPayload, absl::Cord(bytes));
    EXPECT_EQ(Reason(status), "") << bytes;
    EXPECT_THAT(Violations(status), IsEmpty()) << bytes;
  }
}

TEST(Error, PlainStatusHasNoReason) {
  EXPECT_EQ(Reason(absl::OkStatus()), "");
  EXPECT_EQ(Reason(absl::InternalError("x")), "");
  EXPECT_THAT(Metadata(absl::InternalError("x")), IsEmpty());
}

TEST(Annotate, KeepsCodeAndDetails) {
  const absl::Status status = Annotate(NoSae(), "load the dictionary");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "load the dictionary: there is no saes/x");
  EXPECT_EQ(Reason(status), "SAE_NOT_FOUND");
  EXPECT_TRUE(Annotate(absl::OkStatus(), "x").ok());
}

TEST(BadRequest, OkWithoutViolations) {
  BadRequest bad;
  bad.Add("k", absl::OkStatus());
  EXPECT_TRUE(bad.ok());
  EXPECT_TRUE(bad.ToStatus().ok());
}

TEST(BadRequest, ListsEveryViolation) {
  BadRequest bad;
  bad.Add("k", "must be at least 1, is 0");
  bad.Add("source", Error(absl::StatusCode::kInvalidArgument, "RESOURCE_NAME_INVALID", "no name"));
  const absl::Status status = bad.ToStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(status), "INVALID_REQUEST");
  EXPECT_EQ(status.message(), "invalid request: k: must be at least 1, is 0; source: no name");
  EXPECT_THAT(Violations(status),
              ElementsAre(Pair("k", "must be at least 1, is 0"), Pair("source", "no name")));
}

TEST(BadRequest, SingleStatusKeepsItsReason) {
  BadRequest bad;
  bad.Add("data", Error(absl::StatusCode::kInvalidArgument, "TENSOR_NOT_FINITE",
                        "data must hold finite values", {{"field", "data"}}));
  EXPECT_EQ(Reason(bad.ToStatus()), "TENSOR_NOT_FINITE");
  EXPECT_EQ(bad.ToStatus().message(), "invalid request: data must hold finite values");
  EXPECT_THAT(Metadata(bad.ToStatus()), ElementsAre(Pair("field", "data")));
}

TEST(BadRequest, ManyViolationsAreCounted) {
  BadRequest bad;
  for (int i = 0; i < 40; ++i) bad.Add(absl::StrCat("f", i), "is wrong");
  EXPECT_THAT(std::string(bad.ToStatus().message()), EndsWith("and 8 more"));
}

absl::StatusOr<std::unique_ptr<int>> Positive(int value) {
  if (value <= 0) return Error(absl::StatusCode::kInvalidArgument, "NOT_POSITIVE", "not positive");
  return std::make_unique<int>(value);
}

absl::StatusOr<int> Sum(int a, int b) {
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<int> first, Positive(a));
  std::unique_ptr<int> second;
  RECSAE_ASSIGN_OR_RETURN(second, Positive(b));
  RECSAE_RETURN_IF_ERROR(*first + *second > 100 ? absl::OutOfRangeError("large")
                                                : absl::OkStatus());
  return *first + *second;
}

TEST(Macros, ReturnTheFirstErrorWithItsDetails) {
  EXPECT_EQ(*Sum(1, 2), 3);
  EXPECT_EQ(Reason(Sum(1, 0).status()), "NOT_POSITIVE");
  EXPECT_EQ(Reason(Sum(0, 1).status()), "NOT_POSITIVE");
  EXPECT_EQ(Sum(60, 60).status().code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace recsae
