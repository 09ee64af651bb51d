#include "common/rpc/grpc_status.h"

#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::Pair;
using ::testing::SizeIs;

absl::Status NoSae() {
  return Error(absl::StatusCode::kNotFound, "SAE_NOT_FOUND", "there is no saes/x",
               {{"sae", "saes/x"}, {"hint", "list"}});
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
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(rpc.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "SAE_NOT_FOUND");
  EXPECT_EQ(info.domain(), "recsae");
  EXPECT_EQ(info.metadata().at("hint"), "list");
}

TEST(GrpcStatus, ViolationsAreABadRequest) {
  BadRequest bad;
  bad.Add("k", "must be at least 1, is 0");
  const google::rpc::Status rpc = ToRpcStatus(bad.ToStatus());
  ASSERT_THAT(rpc.details(), SizeIs(2));
  google::rpc::BadRequest details;
  ASSERT_TRUE(rpc.details(1).UnpackTo(&details));
  ASSERT_THAT(details.field_violations(), SizeIs(1));
  EXPECT_EQ(details.field_violations(0).field(), "k");
  EXPECT_EQ(details.field_violations(0).description(), "must be at least 1, is 0");
}

TEST(GrpcStatus, ReasonsOfOtherDomainsAreNotOurs) {
  google::rpc::ErrorInfo info;
  info.set_reason("SAE_NOT_FOUND");
  info.set_domain("example.com");
  google::rpc::Status rpc;
  rpc.set_code(5);
  rpc.add_details()->PackFrom(info);
  const absl::Status status = FromRpcStatus(rpc);
  EXPECT_EQ(Reason(status), "");
  EXPECT_EQ(ToRpcStatus(status).details(0).value(), rpc.details(0).value());
}

TEST(GrpcStatus, UnreadableDetailsAreLeftOut) {
  const absl::Status status = FromGrpc(grpc::Status(grpc::StatusCode::INTERNAL, "m", "\xff\xff"));
  EXPECT_EQ(status, absl::InternalError("m"));
}

TEST(GrpcStatus, AReasonBeginsAMessageWithoutDetails) {
  const absl::Status refused =
      FromGrpc({grpc::StatusCode::UNAUTHENTICATED, "TOKEN_MISSING: send a token"});
  EXPECT_EQ(Reason(refused), "TOKEN_MISSING");
  EXPECT_EQ(refused.message(), "send a token");
  for (const char* other : {"UNKNOWN: socket closed", "not_a: reason", "_: x", "no colon"}) {
    const absl::Status plain = FromGrpc({grpc::StatusCode::UNAVAILABLE, other});
    EXPECT_EQ(Reason(plain), "") << other;
    EXPECT_EQ(plain.message(), other);
  }
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
  EXPECT_TRUE(ToRpcStatus(bad.ToStatus()).details(1).UnpackTo(&details));
  EXPECT_EQ(ToRpcStatus(absl::InternalError("\xff")).message(), "?");
}

}  // namespace
}  // namespace recsae
