// Text from inside a file as error messages show it.
#ifndef RECSAE_COMMON_FILES_SHOWN_H_
#define RECSAE_COMMON_FILES_SHOWN_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/utf8.h"

namespace recsae {

// Valid UTF-8, of at most 100 bytes.
inline std::string Shown(absl::string_view text) { return ShortenedUtf8(ValidUtf8(text), 100); }

inline std::string Quoted(absl::string_view text) { return absl::StrCat("\"", Shown(text), "\""); }

}  // namespace recsae

#endif  // RECSAE_COMMON_FILES_SHOWN_H_
