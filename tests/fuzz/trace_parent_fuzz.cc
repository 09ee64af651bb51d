// Bytes as the header `traceparent`: none, or what is the same once written and read again.
#include <cstddef>
#include <cstdint>

#include "common/base/trace.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto context = recsae::ParseTraceParent({reinterpret_cast<const char*>(data), size});
  if (!context.has_value()) return 0;
  recsae::fuzz::Require((context->trace_high | context->trace_low) != 0, "a trace has an id");
  recsae::fuzz::Require(context->span_id != 0, "a span has an id");
  recsae::fuzz::Require(recsae::ParseTraceParent(recsae::FormatTraceParent(*context)) == context,
                        "what is written is read again");
  return 0;
}
