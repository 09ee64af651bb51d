#include "common/rpc/grpc_status.h"

#include <google/protobuf/any.pb.h>
#include <google/rpc/status.pb.h>

#include <algorithm>
#include <new>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace recsae {
namespace {

// Percent-encoding makes up to three times as much of the message, base64 a third more of the
// details, which hold the message once more.
constexpr size_t kMaxMessageBytes = 1024;
constexpr size_t kMaxDetailsBytes = 3072;

void KeepOnlyErrorInfo(google::rpc::Status& rpc) {
  google::rpc::Status kept;
  for (const auto& detail : rpc.details()) {
    if (detail.type_url() == kErrorInfoUrl) *kept.add_details() = detail;
  }
  rpc.mutable_details()->Swap(kept.mutable_details());
}

grpc::Status WithDetails(const absl::Status& status) {
  google::rpc::Status rpc = ToRpcStatus(status);
  rpc.set_message(ShortenedUtf8(rpc.message(), kMaxMessageBytes));
  std::string details;
  if (rpc.details_size() > 0) {
    if (rpc.ByteSizeLong() > kMaxDetailsBytes) KeepOnlyErrorInfo(rpc);
    if (rpc.ByteSizeLong() > kMaxDetailsBytes) rpc.clear_details();
    details = rpc.SerializeAsString();
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), rpc.message(), details);
}

// "TOKEN_MISSING" of "TOKEN_MISSING: send a token": what refuses calls before they are taken can
// send no details, so that the reason begins the message. "" where none does.
std::string LeadingReason(absl::string_view message) {
  const size_t end = message.find(": ");
  if (end == absl::string_view::npos || end < 4) return "";
  const absl::string_view word = message.substr(0, end);
  const bool is_reason = std::all_of(word.begin(), word.end(),
                                     [](char c) { return absl::ascii_isupper(c) || c == '_'; });
  return is_reason && absl::StrContains(word, '_') ? std::string(word) : "";
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  try {
    return WithDetails(status);
  } catch (const std::bad_alloc&) {  // The code alone, so that the call ends.
    return grpc::Status(static_cast<grpc::StatusCode>(status.code()), "");
  }
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status rpc;
  if (!rpc.ParseFromString(status.error_details())) rpc.Clear();
  rpc.set_code(status.error_code());
  rpc.set_message(status.error_message());
  absl::Status result = FromRpcStatus(rpc);
  if (rpc.details_size() > 0) return result;
  const std::string reason = LeadingReason(status.error_message());
  if (reason.empty()) return result;
  return Error(result.code(), reason,
               absl::string_view(status.error_message()).substr(reason.size() + 2));
}

}  // namespace recsae
