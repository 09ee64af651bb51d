// How large one message, page or text may be: the limits that several services share.
// docs/limits.md lists them (scripts/check-limits.py compares).
#ifndef RECSAE_COMMON_BUDGET_LIMITS_H_
#define RECSAE_COMMON_BUDGET_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace recsae {

// No message on the wire, in either direction, is larger than this.
inline constexpr int kMaxMessageBytes = 4 * 1024 * 1024;
// What a handler may put into one message: the rest is for the envelope around it.
inline constexpr int64_t kMaxContentBytes = kMaxMessageBytes - 64 * 1024;
// A message of a stream whose sender may choose: large enough to cost little each, small enough
// that many callers can be served at once.
inline constexpr int64_t kStreamMessageBytes = int64_t{1} << 20;
// A page of a List call ends before it exceeds this, unless it holds a single entry.
inline constexpr int64_t kPageBytes = int64_t{2} << 20;

// Names that people read: of a catalogue, say.
inline constexpr size_t kMaxDisplayNameBytes = 256;

// INVALID_ARGUMENT (TEXT_TOO_LONG) if `text` has more than `most` bytes; as BadRequest takes it.
absl::Status CheckTextSize(absl::string_view text, size_t most);

}  // namespace recsae

#endif  // RECSAE_COMMON_BUDGET_LIMITS_H_
