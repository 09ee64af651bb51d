#include "common/status/grpc_status.h"

#include <google/protobuf/any.pb.h>
#include <google/rpc/status.pb.h>

#include <string>

#include "absl/strings/cord.h"
#include "common/status/status.h"
#include "common/status/utf8.h"

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

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status rpc;
  rpc.set_code(static_cast<int>(status.code()));
  rpc.set_message(ValidUtf8(status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    google::protobuf::Any* detail = rpc.add_details();
    detail->set_type_url(std::string(url));
    detail->set_value(std::string(payload));
  });
  return rpc;
}

absl::Status FromRpcStatus(const google::rpc::Status& rpc) {
  absl::Status status(static_cast<absl::StatusCode>(rpc.code()), rpc.message());
  for (const auto& detail : rpc.details()) {
    status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return status;
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
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

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status rpc;
  if (!status.error_details().empty() && rpc.ParseFromString(status.error_details())) {
    for (const auto& detail : rpc.details()) {
      result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
    }
  }
  return result;
}

}  // namespace recsae
