// Text for people: UTF-8 that keeps its columns, numbers and durations.
#ifndef RECSAE_CLIENTS_CLI_TEXT_TEXT_H_
#define RECSAE_CLIENTS_CLI_TEXT_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace recsae::cli {

// Columns that `utf8` takes on a terminal: 0 for combining marks, 2 for wide characters.
int DisplayWidth(absl::string_view utf8);

// Control characters and bytes that are not UTF-8 become U+FFFD, line breaks and tabs a space, so
// that a title cannot move the cursor or break a table.
std::string Clean(absl::string_view text);

// At most `width` columns; what is cut off is marked by "…".
std::string Truncate(absl::string_view utf8, int width);

// Blanks up to `width` columns, after the text or before it. Longer text stays as it is.
std::string PadRight(absl::string_view utf8, int width);
std::string PadLeft(absl::string_view utf8, int width);

// 1234567 -> "1,234,567".
std::string FormatCount(int64_t value);

// Four significant digits without needless zeros: "0.0595", "1.5", "12.31", "253,000".
std::string FormatNumber(double value);

// "0.1813": `decimals` digits after the point.
std::string FormatFixed(double value, int decimals);

// With its sign: "+4.20", "-0.31".
std::string FormatSigned(double value, int decimals);

// A share as "98.5 %".
std::string FormatPercent(double share, int decimals = 1);

// Seconds as "0:42", "12:05", "1:02:03"; below ten seconds "4.2 s".
std::string FormatDuration(double seconds);

// "1 row", "3 rows".
std::string Plural(int64_t count, absl::string_view singular);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_TEXT_H_
