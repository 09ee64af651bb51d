#include "common/rpc/log.h"

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/trace.h"

namespace recsae {
namespace {

constexpr const char* kNames[] = {"DEBUG", "INFO", "WARNING", "ERROR"};

std::atomic<Severity> log_level{Severity::kInfo};

// What `json` makes, or a word that needs no memory: who logs may be one above whom nobody catches,
// and may be about to say that memory is short.
template <typename Json>
std::string WithoutThrowing(const Json& json) {
  try {
    return json();
  } catch (const std::bad_alloc&) {
    return "\"no memory\"";
  }
}

// As a JSON string; bytes that are not UTF-8 are replaced.
std::string Quote(absl::string_view text) {
  return WithoutThrowing([&] {
    return nlohmann::json(std::string(text))
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  });
}

std::string Quote(const absl::Status& status) {
  return WithoutThrowing(
      [&] { return Quote(status.ToString(absl::StatusToStringMode::kWithNoExtraData)); });
}

std::string Line(Severity severity, absl::string_view message,
                 std::initializer_list<LogField> fields) {
  std::string line = "{\"time\":\"";
  line += absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone());
  line += "\",\"severity\":\"";
  line += kNames[static_cast<int>(severity)];
  line += "\",\"message\":";
  line += Quote(message);
  for (const LogField& field : fields) {
    line += ',';
    line += Quote(field.key());
    line += ':';
    line += field.json();
  }
  if (const std::optional<TraceContext> trace = CurrentTrace()) {
    line += ",\"trace_id\":\"";
    line += TraceIdText(*trace);
    line += "\",\"span_id\":\"";
    line += SpanIdText(trace->span_id);
    line += '"';
  }
  line += "}\n";
  return line;
}

void WriteAll(absl::string_view line) {
  const char* data = line.data();
  size_t left = line.size();
  while (left > 0) {
    const ssize_t written = write(STDERR_FILENO, data, left);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    data += written;
    left -= static_cast<size_t>(written);
  }
}

}  // namespace

LogField::LogField(absl::string_view key, absl::string_view value)
    : key_(key), json_(Quote(value)) {}

LogField::LogField(absl::string_view key, const absl::Status& value)
    : key_(key), json_(Quote(value)) {}

LogField::LogField(absl::string_view key, bool value)
    : key_(key), json_(value ? "true" : "false") {}

LogField::LogField(absl::string_view key, double value)
    : key_(key), json_(WithoutThrowing([&]() -> std::string {
        return std::isfinite(value) ? nlohmann::json(value).dump() : "null";
      })) {}

void Log(Severity severity, absl::string_view message, std::initializer_list<LogField> fields) {
  if (severity < log_level.load(std::memory_order_relaxed)) return;
  try {
    WriteAll(Line(severity, message, fields));
  } catch (const std::bad_alloc&) {
    WriteAll("{\"message\":\"a line was lost: no memory\"}\n");
  }
}

void SetLogLevel(Severity severity) { log_level.store(severity, std::memory_order_relaxed); }

bool ParseSeverity(absl::string_view text, Severity* severity) {
  if (text == "debug") {
    *severity = Severity::kDebug;
  } else if (text == "info") {
    *severity = Severity::kInfo;
  } else if (text == "warning") {
    *severity = Severity::kWarning;
  } else if (text == "error") {
    *severity = Severity::kError;
  } else {
    return false;
  }
  return true;
}

}  // namespace recsae
