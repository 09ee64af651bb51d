// Text that may stand in a protobuf string: much of it came from files and callers.
#ifndef RECSAE_COMMON_BASE_UTF8_H_
#define RECSAE_COMMON_BASE_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace recsae {

// `text` with each byte that is not part of valid UTF-8 replaced by '?'.
std::string ValidUtf8(absl::string_view text);

// Whether `text` is valid UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(absl::string_view text);

// At most `limit` bytes of valid UTF-8, cut between characters.
std::string ClippedUtf8(absl::string_view text, size_t limit);

// At most `limit` bytes of valid UTF-8, cut between characters and then ended with "...".
std::string ShortenedUtf8(absl::string_view text, size_t limit);

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_UTF8_H_
