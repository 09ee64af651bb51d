#include "common/base/trace.h"

#include <sys/random.h>

#include <cstddef>
#include <cstdlib>

#include "common/base/random.h"

namespace recsae {
namespace {

constexpr size_t kTraceDigits = 32;
constexpr size_t kSpanDigits = 16;
// "00-<32>-<16>-<2>"
constexpr size_t kTraceAt = 3;
constexpr size_t kSpanAt = kTraceAt + kTraceDigits + 1;
constexpr size_t kFlagsAt = kSpanAt + kSpanDigits + 1;
constexpr size_t kLength = kFlagsAt + 2;

constexpr uint8_t kSampled = 1;
constexpr uint64_t kNoVersion = 0xff;

thread_local TraceScope* innermost = nullptr;

// All of `text`, up to 16 digits in lower case.
bool ParseHex(absl::string_view text, uint64_t* value) {
  *value = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      *value = *value << 4 | static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      *value = *value << 4 | static_cast<uint64_t>(c - 'a' + 10);
    } else {
      return false;
    }
  }
  return true;
}

void AppendHex(uint64_t value, size_t digits, std::string* text) {
  for (size_t i = digits; i-- > 0;) text->push_back("0123456789abcdef"[value >> (4 * i) & 15]);
}

uint64_t Seed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != static_cast<ssize_t>(sizeof(seed))) std::abort();
  return seed;
}

// Even, and not 0.
uint64_t RandomBits() {
  thread_local Random random(Seed());
  while (true) {
    if (const uint64_t bits = random.Next(); bits != 0) return bits;
  }
}

}  // namespace

std::string TraceIdText(const TraceContext& context) {
  std::string text;
  text.reserve(kTraceDigits);
  AppendHex(context.trace_high, kSpanDigits, &text);
  AppendHex(context.trace_low, kSpanDigits, &text);
  return text;
}

std::string SpanIdText(uint64_t span_id) {
  std::string text;
  AppendHex(span_id, kSpanDigits, &text);
  return text;
}

std::optional<TraceContext> ParseTraceParent(absl::string_view text) {
  if (text.size() < kLength || text[kTraceAt - 1] != '-' || text[kSpanAt - 1] != '-' ||
      text[kFlagsAt - 1] != '-') {
    return std::nullopt;
  }
  TraceContext context;
  uint64_t version = 0, flags = 0;
  if (!ParseHex(text.substr(0, 2), &version) ||
      !ParseHex(text.substr(kTraceAt, kSpanDigits), &context.trace_high) ||
      !ParseHex(text.substr(kTraceAt + kSpanDigits, kSpanDigits), &context.trace_low) ||
      !ParseHex(text.substr(kSpanAt, kSpanDigits), &context.span_id) ||
      !ParseHex(text.substr(kFlagsAt, 2), &flags)) {
    return std::nullopt;
  }
  if (version == kNoVersion || context.span_id == 0 ||
      (context.trace_high == 0 && context.trace_low == 0)) {
    return std::nullopt;
  }
  // A later version may have more to say after a dash, and other flags but the first.
  if (version == 0 ? text.size() != kLength : text.size() > kLength && text[kLength] != '-') {
    return std::nullopt;
  }
  context.flags = static_cast<uint8_t>(version == 0 ? flags : flags & kSampled);
  return context;
}

std::string FormatTraceParent(const TraceContext& context) {
  std::string text = "00-";
  text.reserve(kLength);
  AppendHex(context.trace_high, kSpanDigits, &text);
  AppendHex(context.trace_low, kSpanDigits, &text);
  text.push_back('-');
  AppendHex(context.span_id, kSpanDigits, &text);
  text.push_back('-');
  AppendHex(context.flags, 2, &text);
  return text;
}

uint64_t NewSpanId() { return RandomBits(); }

TraceContext NewTrace() { return {RandomBits(), RandomBits(), RandomBits(), kSampled}; }

TraceScope::TraceScope(const std::optional<TraceContext>& context)
    : context_(context), outer_(innermost) {
  innermost = this;
}

TraceScope::~TraceScope() { innermost = outer_; }

std::optional<TraceContext> CurrentTrace() {
  return innermost == nullptr ? std::nullopt : innermost->context_;
}

}  // namespace recsae
