// Logs: one JSON object a line on standard error. For what happened and to which resource; never
// for payloads (activations, histories, request bodies).
//
//   Log(Severity::kInfo, "capture finished", {{"capture", name}, {"rows", rows}});
//   {"time":"2024-05-01T12:00:00.123456Z","severity":"INFO","message":"capture finished",...}
//
// Lines written within a call or a job that is part of a trace (common/base/trace.h) end with its
// trace_id and span_id.
#ifndef RECSAE_COMMON_RPC_LOG_H_
#define RECSAE_COMMON_RPC_LOG_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace recsae {

enum class Severity { kDebug, kInfo, kWarning, kError };

// A named value of a log line.
class LogField {
 public:
  LogField(absl::string_view key, absl::string_view value);
  LogField(absl::string_view key, const char* value) : LogField(key, absl::string_view(value)) {}
  LogField(absl::string_view key, const std::string& value)
      : LogField(key, absl::string_view(value)) {}
  LogField(absl::string_view key, const absl::Status& value);
  LogField(absl::string_view key, bool value);
  LogField(absl::string_view key, double value);
  template <std::integral T>
  LogField(absl::string_view key, T value) : key_(key), json_(std::to_string(value)) {}

  absl::string_view key() const { return key_; }
  // The value as JSON text.
  const std::string& json() const { return json_; }

 private:
  std::string key_;
  std::string json_;
};

// Writes one line with a single write(2). Thread-safe; does not throw.
void Log(Severity severity, absl::string_view message, std::initializer_list<LogField> fields = {});

// Lines below `severity` are dropped. Default kInfo. Thread-safe.
void SetLogLevel(Severity severity);

// "debug", "info", "warning", "error"; false for anything else.
bool ParseSeverity(absl::string_view text, Severity* severity);

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_LOG_H_
