// What the texts in the fields of data files mean: numbers, times, lists, missing values, markup.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_VALUES_H_
#define RECSAE_SERVICES_PROBE_DATASETS_VALUES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace recsae::probe {

// Parts the elements of a list within one text.
inline constexpr char kListSeparator = '\x1F';

// A finite number, or false.
bool ParseNumber(absl::string_view text, double* value);

// A rating: a number (also with a decimal comma), or yes/no, true/false, like/dislike as 1/0.
bool ParseRating(absl::string_view text, double* value);

// What a date of three numbers, the year last, tells of their order: 3/4/2020 is ambiguous, and
// read as month/day; 13/4/2020 has the day first.
enum class DateOrder { kClear, kAmbiguous, kDayFirst, kMonthFirst };

// A point in time as seconds (of the Unix epoch, where the text is a date): a number, taken for
// milliseconds, microseconds or nanoseconds where as seconds it would lie after the year 5000, or a
// date with or without a time of day, in ISO 8601 or as people write them ("11/15/2019 9:05:58 AM",
// "09 1, 2016", "Nov 15, 2019", "Tue Nov 01 11:18:04 -0700 2011"); 3.4.2020 is the third of April.
bool ParseTime(absl::string_view text, double* seconds, DateOrder* order);

// What a time that was read from an ambiguous date would be with the day first; of others itself.
double WithDayAndMonthSwapped(double seconds);

// Whether a text stands for no value: "", nan, None, null, \N, N/A, unknown, (no genres listed).
bool IsMissing(absl::string_view text);

// The whole number that pandas writes as "12.0": "12", or `id` itself.
absl::string_view WithoutDecimals(absl::string_view id);

// The elements of a list as Python, JSON or NumPy write it, "['a', 'b']", "[{'name': 'a'}]", joined
// by kListSeparator; false if `text` is none.
bool ParseList(absl::string_view text, std::string* elements);

// Python literals as JSON: single quotes, True, None, tuples, u'', nan; halves of surrogate pairs
// become U+FFFD. What is JSON already stays what it is.
std::string LiteralToJson(absl::string_view text);

// `text` without HTML tags (and what scripts and styles hold) and with entities as the characters
// that they stand for, runs of spaces as one.
std::string WithoutMarkup(absl::string_view text);

// The year that a title ends in, "(1995)", "(1995-)", "(1995) (TV)"; "" for none.
std::string YearOf(absl::string_view title);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_VALUES_H_
