// What a failed command says and the status it exits with.
#ifndef RECSAE_CLIENTS_CLI_TEXT_ERRORS_H_
#define RECSAE_CLIENTS_CLI_TEXT_ERRORS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace recsae::cli {

// A mistake in how the command was called, found after its flags were read.
absl::Status UsageError(absl::string_view message);

// What a script may branch on; --help and docs/cli.md list them.
enum ExitCode {
  kExitDone = 0,
  kExitFailed = 1,        // whatever is not below
  kExitUsage = 2,         // the command line
  kExitInvalid = 3,       // INVALID_ARGUMENT, OUT_OF_RANGE: a value or file
  kExitNotFound = 4,      // NOT_FOUND
  kExitConflict = 5,      // ALREADY_EXISTS, ABORTED
  kExitPrecondition = 6,  // FAILED_PRECONDITION
  kExitUnavailable = 7,   // UNAVAILABLE
  kExitTimeout = 8,       // DEADLINE_EXCEEDED
  kExitExhausted = 9,     // RESOURCE_EXHAUSTED
  kExitCancelled = 10,    // CANCELLED
  kExitNotWritten = 11,   // standard output took no more
};

ExitCode ExitStatus(const absl::Status& status);

// {"error": {"code": "NOT_FOUND", "reason": "SAE_NOT_FOUND", "message": …, "metadata": {…}}}, with
// "violations" [{"field", "description"}] where a request's fields are wrong.
std::string ErrorAsJson(const absl::Status& status);

// "NOT_FOUND (SAE_NOT_FOUND): saes/x ...", and in a second line what to do where that is known.
// Usage errors are their message alone.
std::string DescribeError(const absl::Status& status);

// `status` as it is, but for DEADLINE_EXCEEDED, which gets the flag that allows more time.
absl::Status ExplainTimeout(const absl::Status& status, double timeout_seconds);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_ERRORS_H_
