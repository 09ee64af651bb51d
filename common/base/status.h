// Errors with a machine-readable reason: absl::Status carrying reason, metadata and violations as
// payloads of our own.
//
// Neither gRPC nor protobuf is needed here or linked; common/rpc/grpc_status.h makes google.rpc
// details of the payloads and payloads of the details.
#ifndef RECSAE_COMMON_BASE_STATUS_H_
#define RECSAE_COMMON_BASE_STATUS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae {

// What an error is about, for example {{"sae", "saes/ml-1m"}}.
using ErrorMetadata = std::vector<std::pair<std::string, std::string>>;

// One field of a request that is wrong: its path and what is wrong with it.
using FieldViolation = std::pair<std::string, std::string>;

// Payload keys under which a status keeps them; their bytes are nobody's but status.cc's.
inline constexpr char kReasonPayload[] = "recsae/reason";
inline constexpr char kViolationsPayload[] = "recsae/violations";

// A status with a reason and metadata. `reason` is UPPER_SNAKE and stable: callers branch on it.
// `message` names the thing, its value and the way out. Keys of metadata are ordered; a repeated
// key keeps its last value.
absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                   const ErrorMetadata& metadata = {});

// The reason of a status made by Error(), here or on another server; "" if it has none.
std::string Reason(const absl::Status& status);

// The metadata of a status, ordered by key; empty if it has none.
ErrorMetadata Metadata(const absl::Status& status);

// The wrong fields of a status made by BadRequest, here or on another server; empty if it has none.
std::vector<FieldViolation> Violations(const absl::Status& status);

// For who reads a status off the wire: gives it a reason and metadata, or violations.
void SetReason(absl::Status& status, absl::string_view reason, const ErrorMetadata& metadata);
void SetViolations(absl::Status& status, const std::vector<FieldViolation>& violations);

// The same code and details with "context: " put before the message. OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// Collects every violation of a request, so that a caller sees all of them at once.
//
//   BadRequest bad;
//   if (request.k() < 1) bad.Add("k", "must be at least 1, is 0");
//   RECSAE_RETURN_IF_ERROR(bad.ToStatus());
class BadRequest {
 public:
  // `field` is the path in the request, for example "spec.k".
  void Add(absl::string_view field, absl::string_view description);
  // Adds `status` as a violation of `field` unless it is OK.
  void Add(absl::string_view field, const absl::Status& status);
  bool ok() const { return violations_.empty(); }
  // OK without violations. Otherwise INVALID_ARGUMENT whose message lists them, with Violations().
  // The reason is INVALID_REQUEST, or that of the one violation which was added as a status.
  absl::Status ToStatus() const;

 private:
  struct Violation {
    std::string field;
    std::string description;
    std::string reason;
    ErrorMetadata metadata;
  };
  std::vector<Violation> violations_;
};

}  // namespace recsae

// Returns the status of `expr` (an absl::Status) from the function around it unless it is OK.
#define RECSAE_RETURN_IF_ERROR(expr)                                  \
  do {                                                                \
    if (absl::Status recsae_status_ = (expr); !recsae_status_.ok()) { \
      return recsae_status_;                                          \
    }                                                                 \
  } while (false)

// Assigns the value of `expr` (an absl::StatusOr) to `lhs`, which may be a declaration, or returns
// its status. Commas outside parentheses may stand in `expr` only.
#define RECSAE_ASSIGN_OR_RETURN(lhs, ...) \
  RECSAE_ASSIGN_OR_RETURN_IMPL_(RECSAE_CONCAT_(recsae_status_or_, __LINE__), lhs, (__VA_ARGS__))

#define RECSAE_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr)                                     \
  auto tmp = expr;                               /* NOLINT(bugprone-macro-parentheses) */ \
  if (!tmp.ok()) return std::move(tmp).status(); /* NOLINT(bugprone-macro-parentheses) */ \
  lhs = std::move(tmp).value()                   /* NOLINT(bugprone-macro-parentheses) */

#define RECSAE_CONCAT_(a, b) RECSAE_CONCAT_IMPL_(a, b)
#define RECSAE_CONCAT_IMPL_(a, b) a##b

#endif  // RECSAE_COMMON_BASE_STATUS_H_
