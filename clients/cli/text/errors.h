// What a failed command says and the status it exits with.
#ifndef RECSAE_CLIENTS_CLI_TEXT_ERRORS_H_
#define RECSAE_CLIENTS_CLI_TEXT_ERRORS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace recsae::cli {

// A mistake in how the command was called, found after its flags were read.
absl::Status UsageError(absl::string_view message);

// 0 for OK, 2 for usage errors, else 1.
int ExitStatus(const absl::Status& status);

// "NOT_FOUND (SAE_NOT_FOUND): saes/x ...", and in a second line what to do where that is known.
// Usage errors are their message alone.
std::string DescribeError(const absl::Status& status);

// `status` as it is, but for DEADLINE_EXCEEDED, which gets the flag that allows more time.
absl::Status ExplainTimeout(const absl::Status& status, double timeout_seconds);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_ERRORS_H_
