#include "clients/cli/text/errors.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace recsae::cli {
namespace {

constexpr char kUsageReason[] = "USAGE";

struct Advice {
  absl::string_view reason;
  absl::string_view text;
};

// For errors whose message cannot know that a command line asked.
constexpr Advice kAdvice[] = {
    {"PEER_UNAVAILABLE",
     "start recsae-standalone, or say where the servers are: --server HOST:PORT (RECSAE_SERVER)"},
    {"DATASET_NOT_FOUND",
     "put the data set into a folder that the server looks in (its --data, RECSAE_DATA_DIR), or "
     "use --dataset planted"},
    {"USER_NOT_FOUND",
     "--user ID of the data set that the recommender was trained on; one that reads histories "
     "takes "
     "--history ID,..."},
    {"HISTORY_UNKNOWN", "--history ID,..., or --capture of one that has the user"},
    {"CATALOG_NOT_FOUND", "recsae catalogs list"},
    {"RECOMMENDER_NOT_FOUND", "recsae recommenders list"},
    {"CAPTURE_NOT_FOUND", "recsae captures list"},
    {"SAE_NOT_FOUND", "recsae saes list"},
    {"CONCEPT_NOT_FOUND",
     "recsae concepts list, recsae concepts search WORDS; the latent of number 17 is '#17'"},
    {"JOB_NOT_FOUND", "recsae jobs list"},
    {"RECOMMENDER_IN_USE", "delete its captures first, or add --force"},
    {"JOB_NOT_FINISHED", "recsae jobs cancel JOB"},
    {"JOB_ACTIVE", "follow it with recsae jobs watch JOB"},
    {"ETAG_MISMATCH", "somebody else changed it: look again, then repeat with the new etag"},
    {"REQUEST_ID_REUSED", "leave --request-id out, or give each request its own"},
};

}  // namespace

absl::Status UsageError(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, kUsageReason, message);
}

ExitCode ExitStatus(const absl::Status& status) {
  const std::string reason = Reason(status);
  if (reason == kUsageReason || reason == "EDIT_MALFORMED") return kExitUsage;
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitDone;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return kExitInvalid;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return kExitConflict;
    case absl::StatusCode::kFailedPrecondition:
      return kExitPrecondition;
    case absl::StatusCode::kUnavailable:
      return kExitUnavailable;
    case absl::StatusCode::kDeadlineExceeded:
      return kExitTimeout;
    case absl::StatusCode::kResourceExhausted:
      return kExitExhausted;
    case absl::StatusCode::kCancelled:
      return kExitCancelled;
    default:
      return kExitFailed;
  }
}

std::string ErrorAsJson(const absl::Status& status) {
  nlohmann::ordered_json metadata = nlohmann::ordered_json::object();
  for (const auto& [key, value] : Metadata(status)) metadata[key] = ValidUtf8(value);
  nlohmann::ordered_json error = {{"code", absl::StatusCodeToString(status.code())},
                                  {"reason", Reason(status)},
                                  {"message", ValidUtf8(status.message())},
                                  {"metadata", metadata}};
  for (const auto& [field, description] : Violations(status)) {
    error["violations"].push_back(
        {{"field", ValidUtf8(field)}, {"description", ValidUtf8(description)}});
  }
  return nlohmann::ordered_json{{"error", error}}.dump(2);
}

std::string DescribeError(const absl::Status& status) {
  const std::string message(status.message());
  if (ExitStatus(status) == kExitUsage) return message;
  const std::string reason = Reason(status);
  std::string text = absl::StatusCodeToString(status.code());
  if (!reason.empty()) absl::StrAppend(&text, " (", reason, ")");
  absl::StrAppend(&text, ": ", message);
  for (const Advice& advice : kAdvice) {
    if (advice.reason == reason) absl::StrAppend(&text, "\n  → ", advice.text);
  }
  return text;
}

absl::Status ExplainTimeout(const absl::Status& status, double timeout_seconds) {
  // A module's deadline is the server's, not this command's.
  if (!absl::IsDeadlineExceeded(status) || Reason(status) == "MODULE_DEADLINE") return status;
  return Error(absl::StatusCode::kDeadlineExceeded, "TIMEOUT",
               absl::StrCat("no answer within ", FormatDuration(timeout_seconds),
                            "; allow more time with --timeout SECONDS"));
}

}  // namespace recsae::cli
