#include "common/status/status.h"

#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/grpc_status.h"
#include "common/status/utf8.h"

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
  google::rpc::BadRequest details;
  ASSERT_TRUE(details.ParseFromString(std::string(*status.GetPayload(kBadRequestUrl))));
  ASSERT_THAT(details.field_violations(), SizeIs(2));
  EXPECT_EQ(details.field_violations(0).field(), "k");
  EXPECT_EQ(details.field_violations(1).description(), "no name");
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

TEST(GrpcStatus, RoundTripKeepsEverything) {
  BadRequest bad;
  bad.Add("k", "must be at least 1, is 0");
  for (const absl::Status& status : {NoSae(), bad.ToStatus(), absl::AbortedError("plain")}) {
    EXPECT_EQ(FromGrpc(ToGrpc(status)), status);
    EXPECT_EQ(FromRpcStatus(ToRpcStatus(status)), status);
  }
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
}

TEST(GrpcStatus, EveryCodeMapsToItself) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "m");
    EXPECT_EQ(static_cast<int>(ToGrpc(status).error_code()), code);
    EXPECT_EQ(FromGrpc(ToGrpc(status)).code(), status.code());
  }
}

TEST(GrpcStatus, DetailsAreARpcStatus) {
  google::rpc::Status rpc;
  ASSERT_TRUE(rpc.ParseFromString(ToGrpc(NoSae()).error_details()));
  EXPECT_EQ(rpc.code(), 5);
  EXPECT_EQ(rpc.message(), "there is no saes/x");
  ASSERT_THAT(rpc.details(), SizeIs(1));
  EXPECT_EQ(rpc.details(0).type_url(), kErrorInfoUrl);
}

TEST(GrpcStatus, UnreadableDetailsAreLeftOut) {
  const absl::Status status = FromGrpc(grpc::Status(grpc::StatusCode::INTERNAL, "m", "\xff\xff"));
  EXPECT_EQ(status, absl::InternalError("m"));
}

TEST(GrpcStatus, LargeErrorsFitTheTrailers) {
  BadRequest bad;
  for (int i = 0; i < 30; ++i) bad.Add(absl::StrCat("field", i), std::string(500, 'x'));
  const grpc::Status wire = ToGrpc(bad.ToStatus());
  EXPECT_LE(wire.error_message().size(), 1024u);
  EXPECT_THAT(wire.error_message(), EndsWith("..."));
  EXPECT_LE(wire.error_details().size(), 3072u);
  EXPECT_EQ(Reason(FromGrpc(wire)), "INVALID_REQUEST");
}

TEST(GrpcStatus, MessageIsCutBetweenCharacters) {
  std::string text = "a";
  while (text.size() < 4000) text += "\u00e9";
  const std::string cut = ToGrpc(absl::InternalError(text)).error_message();
  ASSERT_THAT(cut, EndsWith("..."));
  const std::string body = cut.substr(0, cut.size() - 3);
  EXPECT_EQ(body.size() % 2, 1u);
  EXPECT_EQ(body, text.substr(0, body.size()));
}

TEST(GrpcStatus, BytesThatAreNotTextDoNotCostTheDetails) {
  BadRequest bad;
  bad.Add("title", "Am\xe9lie is no title");
  const absl::Status error = Error(absl::StatusCode::kInvalidArgument, "DATA_FILE_MALFORMED",
                                   "line 3: Am\xe9lie", {{"line", "Am\xe9lie"}});
  EXPECT_EQ(error.message(), "line 3: Am?lie");
  EXPECT_EQ(Reason(FromGrpc(ToGrpc(error))), "DATA_FILE_MALFORMED");
  EXPECT_THAT(Metadata(error), ElementsAre(Pair("line", "Am?lie")));
  google::rpc::BadRequest details;
  EXPECT_TRUE(details.ParseFromString(std::string(*bad.ToStatus().GetPayload(kBadRequestUrl))));
  EXPECT_EQ(ToRpcStatus(absl::InternalError("\xff")).message(), "?");
}

TEST(Utf8, KeepsTextAndReplacesTheRest) {
  const std::string text = "a \u00e9 \u20ac \U0001F3AC \uFFFD z";
  EXPECT_EQ(ValidUtf8(text), text);
  EXPECT_EQ(ValidUtf8(""), "");
  // A lone continuation, a cut character, overlong forms, a surrogate, beyond U+10FFFF.
  EXPECT_EQ(ValidUtf8("\x80|\xe2\x82"), "?|??");
  EXPECT_EQ(ValidUtf8("\xc0\xaf|\xe0\x80\xaf|\xf0\x80\x80\xaf"), "??|???|????");
  EXPECT_EQ(ValidUtf8("\xed\xa0\x80|\xf4\x90\x80\x80|\xff"), "???|????|?");
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
