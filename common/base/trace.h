// Where this thread's work stands in a trace that a caller has begun, as W3C's Trace Context says
// it (the header `traceparent`): so that log lines and calls to other services can be told to
// belong together.
#ifndef RECSAE_COMMON_BASE_TRACE_H_
#define RECSAE_COMMON_BASE_TRACE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace recsae {

// The name of the header, in gRPC's metadata too.
inline constexpr char kTraceParent[] = "traceparent";

// One span of one trace.
struct TraceContext {
  uint64_t trace_high = 0;  // of 128 bits, not all 0
  uint64_t trace_low = 0;
  uint64_t span_id = 0;  // not 0
  uint8_t flags = 0;

  // Whether the caller records the trace.
  bool sampled() const { return (flags & 1) != 0; }
  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// As hexadecimal digits in lower case, 32 and 16 of them.
std::string TraceIdText(const TraceContext& context);
std::string SpanIdText(uint64_t span_id);

// "00-<trace id>-<span id>-<flags>". nullopt for what W3C calls invalid; of a later version what is
// known of it.
std::optional<TraceContext> ParseTraceParent(absl::string_view text);
std::string FormatTraceParent(const TraceContext& context);

// A random one. Thread-safe.
uint64_t NewSpanId();
// The first span of a trace that is recorded.
TraceContext NewTrace();

// While it lives, CurrentTrace gives `context` on this thread. Scopes nest; the innermost counts.
class TraceScope {
 public:
  // nullopt: of no trace.
  explicit TraceScope(const std::optional<TraceContext>& context);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  friend std::optional<TraceContext> CurrentTrace();

  const std::optional<TraceContext> context_;
  TraceScope* const outer_;
};

// nullopt outside of every scope. A thread that works for another's call or job is given its trace.
std::optional<TraceContext> CurrentTrace();

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_TRACE_H_
