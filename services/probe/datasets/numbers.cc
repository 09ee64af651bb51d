// Numbers, ratings, ids and missing values.
#include "absl/strings/numbers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

constexpr size_t kExactDigits = 15;  // a double holds them all

// "4.5": what most ratings are. Both numbers of the division are exact, so that it is rounded once.
bool ParsePlainDecimal(absl::string_view text, double* value) {
  const size_t point = text.find('.');
  if (point == absl::string_view::npos || point == 0 || point + 1 == text.size() ||
      text.size() > kExactDigits + 1) {
    return false;
  }
  int64_t digits = 0, unit = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == point) continue;
    if (!absl::ascii_isdigit(text[i])) return false;
    digits = digits * 10 + (text[i] - '0');
    if (i > point) unit *= 10;
  }
  *value = static_cast<double>(digits) / static_cast<double>(unit);
  return true;
}

}  // namespace

bool ParseNumber(absl::string_view text, double* value) {
  if (text.size() <= kExactDigits && AllDigits(text)) {
    int64_t whole = 0;
    for (const char c : text) whole = whole * 10 + (c - '0');
    *value = static_cast<double>(whole);
    return true;
  }
  if (ParsePlainDecimal(text, value)) return true;
  return absl::SimpleAtod(text, value) && std::isfinite(*value);
}

bool ParseRating(absl::string_view text, double* value) {
  text = absl::StripAsciiWhitespace(text);
  if (ParseNumber(text, value)) return true;
  for (const absl::string_view yes : {"true", "yes", "y", "like", "liked", "t"}) {
    if (absl::EqualsIgnoreCase(text, yes)) return *value = 1, true;
  }
  for (const absl::string_view no : {"false", "no", "n", "dislike", "disliked", "f"}) {
    if (absl::EqualsIgnoreCase(text, no)) return *value = 0, true;
  }
  if (std::count(text.begin(), text.end(), ',') != 1 || absl::StrContains(text, '.')) return false;
  return ParseNumber(absl::StrReplaceAll(text, {{",", "."}}), value);
}

bool IsMissing(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return true;
  constexpr size_t kLongest = 20;
  // What such words begin with: most texts need no more than this look.
  constexpr absl::string_view kFirst = "nNuU\\<#-?[{('\"";
  if (text.size() > kLongest || !absl::StrContains(kFirst, text.front())) return false;
  static constexpr std::array<absl::string_view, 31> kWords = {"nan",
                                                               "none",
                                                               "null",
                                                               "\\n",
                                                               "n/a",
                                                               "na",
                                                               "<na>",
                                                               "#n/a",
                                                               "nat",
                                                               "nil",
                                                               "-",
                                                               "--",
                                                               "?",
                                                               "[]",
                                                               "{}",
                                                               "()",
                                                               "unknown",
                                                               "(none)",
                                                               "(null)",
                                                               "undefined",
                                                               "(no genres listed)",
                                                               "not available",
                                                               "not applicable",
                                                               "not specified",
                                                               "unspecified",
                                                               "n.a.",
                                                               "#ref!",
                                                               "#value!",
                                                               "#name?",
                                                               "''",
                                                               "\"\""};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](absl::string_view word) { return absl::EqualsIgnoreCase(text, word); });
}

absl::string_view WithoutDecimals(absl::string_view id) {
  const size_t point = id.find('.');
  if (point == absl::string_view::npos || point == 0 || point + 1 == id.size()) return id;
  const absl::string_view decimals = id.substr(point + 1), whole = id.substr(0, point);
  const bool zero = std::all_of(decimals.begin(), decimals.end(), [](char c) { return c == '0'; });
  return zero && AllDigits(whole[0] == '-' ? whole.substr(1) : whole) ? whole : id;
}

}  // namespace recsae::probe
