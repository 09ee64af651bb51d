#include "common/status/status.h"

#include <google/rpc/error_details.pb.h>

#include <algorithm>
#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/status/utf8.h"

namespace recsae {
namespace {

// More than this does not help the caller and would not fit the trailers of a response.
constexpr size_t kMaxViolations = 32;

std::optional<google::rpc::ErrorInfo> GetErrorInfo(const absl::Status& status) {
  auto payload = status.GetPayload(kErrorInfoUrl);
  if (!payload.has_value()) return std::nullopt;
  google::rpc::ErrorInfo info;
  if (!info.ParseFromString(std::string(*payload))) return std::nullopt;
  return info;
}

}  // namespace

absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                   const ErrorMetadata& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(kErrorDomain);
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = ValidUtf8(value);
  absl::Status status(code, ValidUtf8(message));
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

std::string Reason(const absl::Status& status) {
  const auto info = GetErrorInfo(status);
  return info.has_value() ? info->reason() : "";
}

ErrorMetadata Metadata(const absl::Status& status) {
  const auto info = GetErrorInfo(status);
  if (!info.has_value()) return {};
  ErrorMetadata metadata(info->metadata().begin(), info->metadata().end());
  std::sort(metadata.begin(), metadata.end());
  return metadata;
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

void BadRequest::Add(absl::string_view field, absl::string_view description) {
  violations_.push_back({std::string(field), ValidUtf8(description), "", {}});
}

void BadRequest::Add(absl::string_view field, const absl::Status& status) {
  if (status.ok()) return;
  violations_.push_back(
      {std::string(field), ValidUtf8(status.message()), Reason(status), Metadata(status)});
}

absl::Status BadRequest::ToStatus() const {
  if (ok()) return absl::OkStatus();
  google::rpc::BadRequest details;
  std::string message = "invalid request: ";
  const size_t shown = std::min(violations_.size(), kMaxViolations);
  for (size_t i = 0; i < shown; ++i) {
    auto* violation = details.add_field_violations();
    violation->set_field(violations_[i].field);
    violation->set_description(violations_[i].description);
    // What reads a tensor or a name puts the field into its own message already.
    const bool named = violations_[i].description.rfind(violations_[i].field, 0) == 0;
    absl::StrAppend(&message, i == 0 ? "" : "; ",
                    named ? "" : absl::StrCat(violations_[i].field, ": "),
                    violations_[i].description);
  }
  if (shown < violations_.size()) {
    absl::StrAppend(&message, "; and ", violations_.size() - shown, " more");
  }
  const bool single = violations_.size() == 1 && !violations_[0].reason.empty();
  absl::Status status =
      Error(absl::StatusCode::kInvalidArgument, single ? violations_[0].reason : "INVALID_REQUEST",
            message, single ? violations_[0].metadata : ErrorMetadata());
  status.SetPayload(kBadRequestUrl, absl::Cord(details.SerializeAsString()));
  return status;
}

}  // namespace recsae
