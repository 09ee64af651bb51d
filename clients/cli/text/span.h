// Spans of time, as people write them.
#ifndef RECSAE_CLIENTS_CLI_TEXT_SPAN_H_
#define RECSAE_CLIENTS_CLI_TEXT_SPAN_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace recsae::cli {

// "90s", "15m", "12h", "30d", "2w": a number above 0 and its unit, at most 100 years.
// INVALID_ARGUMENT shows one that is right.
absl::StatusOr<absl::Duration> ParseSpan(absl::string_view text);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_SPAN_H_
