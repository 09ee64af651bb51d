// Spans of traces on their way out of the process (--otlp-endpoint). Off unless there is a
// receiver.
#ifndef RECSAE_COMMON_RPC_SPANS_H_
#define RECSAE_COMMON_RPC_SPANS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/trace.h"

namespace recsae {

// Something that took time, as OpenTelemetry describes it.
struct Span {
  // By their numbers in OTLP.
  enum class Kind { kInternal = 1, kServer = 2, kClient = 3 };

  TraceContext context;
  uint64_t parent_id = 0;  // 0: the first of its trace
  std::string name;
  Kind kind = Kind::kInternal;
  absl::Time start;
  absl::Time end;
  bool failed = false;
  std::string error;  // in a word, where it failed
  std::vector<std::pair<std::string, std::string>> attributes = {};
  std::vector<std::pair<std::string, int64_t>> numbers = {};
};

// Takes spans from any thread, quickly; counts what it cannot take. Does not throw.
class SpanReceiver {
 public:
  virtual ~SpanReceiver() = default;
  virtual void Take(Span span) noexcept = 0;
};

// The one of the process; null = none, which it is at first. It must live until another one is set
// and nothing that began before is going on.
void SetSpanReceiver(SpanReceiver* receiver);
SpanReceiver* CurrentSpanReceiver();

// A span below `parent`, or the first of a new trace; one of its own only where it will be
// exported: who looks at a trace should not miss the span that others name as theirs. Else it is
// `parent`.
std::optional<TraceContext> SpanBelow(const std::optional<TraceContext>& parent, bool may_begin);
// Whether a span with that context is to be exported.
bool IsExported(const std::optional<TraceContext>& context);

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_SPANS_H_
