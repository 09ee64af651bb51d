#include "common/base/status.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/base/utf8.h"

namespace recsae {
namespace {

// More than this does not help the caller and would not fit the trailers of a response.
constexpr size_t kMaxViolations = 32;

// Texts one after the other, each behind its length: a payload's bytes.
absl::Cord Pack(const std::vector<std::string>& texts) {
  std::string bytes;
  for (const std::string& text : texts) absl::StrAppend(&bytes, text.size(), ":", text);
  return absl::Cord(bytes);
}

// Empty where the payload is not there or is not what Pack makes.
std::vector<std::string> Unpack(const std::optional<absl::Cord>& payload) {
  std::vector<std::string> texts;
  if (!payload.has_value()) return texts;
  const std::string bytes(*payload);
  for (size_t at = 0; at < bytes.size();) {
    size_t length = 0;
    for (; at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9'; ++at) {
      length = length * 10 + static_cast<size_t>(bytes[at] - '0');
      if (length > bytes.size()) return {};
    }
    if (at >= bytes.size() || bytes[at] != ':' || bytes.size() - at - 1 < length) return {};
    texts.push_back(bytes.substr(at + 1, length));
    at += 1 + length;
  }
  return texts;
}

std::optional<absl::Cord> PayloadOf(const absl::Status& status, const char* key) {
  const auto payload = status.GetPayload(key);
  if (!payload.has_value()) return std::nullopt;
  return *payload;
}

std::vector<std::pair<std::string, std::string>> PairsFrom(std::vector<std::string>& texts,
                                                           size_t first) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (size_t i = first; i + 1 < texts.size(); i += 2) {
    pairs.emplace_back(std::move(texts[i]), std::move(texts[i + 1]));
  }
  return pairs;
}

}  // namespace

void SetReason(absl::Status& status, absl::string_view reason, const ErrorMetadata& metadata) {
  ErrorMetadata ordered;
  for (const auto& [key, value] : metadata) {
    const auto at = std::lower_bound(ordered.begin(), ordered.end(), key,
                                     [](const auto& a, const auto& b) { return a.first < b; });
    if (at != ordered.end() && at->first == key) {
      at->second = ValidUtf8(value);
    } else {
      ordered.insert(at, {key, ValidUtf8(value)});
    }
  }
  std::vector<std::string> texts = {std::string(reason)};
  for (auto& [key, value] : ordered) {
    texts.push_back(std::move(key));
    texts.push_back(std::move(value));
  }
  status.SetPayload(kReasonPayload, Pack(texts));
}

void SetViolations(absl::Status& status, const std::vector<FieldViolation>& violations) {
  std::vector<std::string> texts;
  for (const auto& [field, description] : violations) {
    texts.push_back(field);
    texts.push_back(description);
  }
  status.SetPayload(kViolationsPayload, Pack(texts));
}

absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                   const ErrorMetadata& metadata) {
  absl::Status status(code, ValidUtf8(message));
  SetReason(status, reason, metadata);
  return status;
}

std::string Reason(const absl::Status& status) {
  std::vector<std::string> texts = Unpack(PayloadOf(status, kReasonPayload));
  return texts.empty() ? "" : std::move(texts[0]);
}

ErrorMetadata Metadata(const absl::Status& status) {
  std::vector<std::string> texts = Unpack(PayloadOf(status, kReasonPayload));
  return PairsFrom(texts, 1);
}

std::vector<FieldViolation> Violations(const absl::Status& status) {
  std::vector<std::string> texts = Unpack(PayloadOf(status, kViolationsPayload));
  return PairsFrom(texts, 0);
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
  std::vector<FieldViolation> listed;
  std::string message = "invalid request: ";
  const size_t shown = std::min(violations_.size(), kMaxViolations);
  for (size_t i = 0; i < shown; ++i) {
    listed.emplace_back(violations_[i].field, violations_[i].description);
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
  SetViolations(status, listed);
  return status;
}

}  // namespace recsae
