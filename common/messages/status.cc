#include "common/messages/status.h"

#include <google/protobuf/any.pb.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>

#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace recsae {
namespace {

constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";

void AddDetail(const char* url, const google::protobuf::MessageLite& message,
               google::rpc::Status& rpc) {
  google::protobuf::Any* detail = rpc.add_details();
  detail->set_type_url(url);
  message.SerializeToString(detail->mutable_value());
}

// Takes over a detail: ErrorInfo of our domain and BadRequest as reason and violations, what else
// there is as the payload that it came as. What cannot be parsed is left out.
void TakeDetail(const google::protobuf::Any& detail, absl::Status& status) {
  if (detail.type_url() == kErrorInfoUrl) {
    google::rpc::ErrorInfo info;
    if (!info.ParseFromString(detail.value())) return;
    if (info.domain() == kErrorDomain) {
      SetReason(status, info.reason(), {info.metadata().begin(), info.metadata().end()});
      return;
    }
  } else if (detail.type_url() == kBadRequestUrl) {
    google::rpc::BadRequest bad;
    if (!bad.ParseFromString(detail.value())) return;
    std::vector<FieldViolation> violations;
    for (const auto& violation : bad.field_violations()) {
      violations.emplace_back(violation.field(), violation.description());
    }
    SetViolations(status, violations);
    return;
  }
  status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
}

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status rpc;
  rpc.set_code(static_cast<int>(status.code()));
  rpc.set_message(ValidUtf8(status.message()));
  if (const std::string reason = Reason(status); !reason.empty()) {
    google::rpc::ErrorInfo info;
    info.set_reason(reason);
    info.set_domain(kErrorDomain);
    for (const auto& [key, value] : Metadata(status)) (*info.mutable_metadata())[key] = value;
    AddDetail(kErrorInfoUrl, info, rpc);
  }
  if (const std::vector<FieldViolation> violations = Violations(status); !violations.empty()) {
    google::rpc::BadRequest bad;
    for (const auto& [field, description] : violations) {
      auto* violation = bad.add_field_violations();
      violation->set_field(field);
      violation->set_description(description);
    }
    AddDetail(kBadRequestUrl, bad, rpc);
  }
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    if (url == kReasonPayload || url == kViolationsPayload) return;
    google::protobuf::Any* detail = rpc.add_details();
    detail->set_type_url(std::string(url));
    detail->set_value(std::string(payload));
  });
  return rpc;
}

absl::Status FromRpcStatus(const google::rpc::Status& rpc) {
  absl::Status status(static_cast<absl::StatusCode>(rpc.code()), rpc.message());
  for (const auto& detail : rpc.details()) TakeDetail(detail, status);
  return status;
}

}  // namespace recsae
