#include "clients/cli/text/text.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace recsae::cli {
namespace {

constexpr char32_t kInvalid = 0xFFFD;
constexpr char kReplacement[] = "\xEF\xBF\xBD";

// The character at `position`, which moves past it. Bytes that are not UTF-8 give kInvalid, one
// byte at a time.
char32_t NextCharacter(absl::string_view text, size_t& position) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(position);
  int length = 1;
  char32_t value = first;
  char32_t smallest = 0;
  if (first >= 0xF0 && first < 0xF8) {
    length = 4, value = first & 0x07, smallest = 0x10000;
  } else if (first >= 0xE0) {
    length = 3, value = first & 0x0F, smallest = 0x800;
  } else if (first >= 0xC0) {
    length = 2, value = first & 0x1F, smallest = 0x80;
  } else if (first >= 0x80) {
    ++position;
    return kInvalid;
  }
  if (first >= 0xF8 || position + length > text.size()) {
    ++position;
    return kInvalid;
  }
  for (int i = 1; i < length; ++i) {
    const unsigned char next = byte(position + i);
    if ((next & 0xC0) != 0x80) {
      ++position;
      return kInvalid;
    }
    value = (value << 6) | (next & 0x3F);
  }
  if (value < smallest || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
    ++position;
    return kInvalid;
  }
  position += length;
  return value;
}

bool IsControl(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

struct Range {
  char32_t first;
  char32_t last;
};

template <size_t N>
bool Within(char32_t c, const Range (&ranges)[N]) {
  return std::any_of(ranges, ranges + N,
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

int CharacterWidth(char32_t c) {
  // The scripts that titles are written in; not the whole of Unicode's East Asian Width.
  static constexpr Range kNone[] = {
      {0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}};
  static constexpr Range kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},  {0x3041, 0xA4CF},
                                    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},  {0xFE30, 0xFE6F},
                                    {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F},
                                    {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
  if (Within(c, kNone)) return 0;
  return Within(c, kWide) ? 2 : 1;
}

}  // namespace

int DisplayWidth(absl::string_view utf8) {
  int width = 0;
  for (size_t position = 0; position < utf8.size();) {
    width += CharacterWidth(NextCharacter(utf8, position));
  }
  return width;
}

std::string Clean(absl::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (size_t position = 0; position < text.size();) {
    const size_t start = position;
    const char32_t c = NextCharacter(text, position);
    if (c == '\n' || c == '\r' || c == '\t') {
      clean += ' ';
    } else if (c == kInvalid || IsControl(c)) {
      clean += kReplacement;
    } else {
      clean.append(text.data() + start, position - start);
    }
  }
  return clean;
}

std::string Truncate(absl::string_view utf8, int width) {
  if (DisplayWidth(utf8) <= width) return std::string(utf8);
  if (width <= 0) return "";
  size_t end = 0;
  int used = 0;
  for (size_t position = 0; position < utf8.size();) {
    used += CharacterWidth(NextCharacter(utf8, position));
    if (used > width - 1) break;
    end = position;
  }
  return absl::StrCat(utf8.substr(0, end), "…");
}

std::string PadRight(absl::string_view utf8, int width) {
  return absl::StrCat(utf8, std::string(std::max(0, width - DisplayWidth(utf8)), ' '));
}

std::string PadLeft(absl::string_view utf8, int width) {
  return absl::StrCat(std::string(std::max(0, width - DisplayWidth(utf8)), ' '), utf8);
}

std::string FormatCount(int64_t value) {
  std::string digits = absl::StrCat(value);
  const ptrdiff_t first = value < 0 ? 1 : 0;
  for (ptrdiff_t i = static_cast<ptrdiff_t>(digits.size()) - 3; i > first; i -= 3) {
    digits.insert(static_cast<size_t>(i), ",");
  }
  return digits;
}

std::string FormatNumber(double value) {
  if (!std::isfinite(value)) return absl::StrFormat("%f", value);
  if (std::abs(value) >= 10000 && std::abs(value) < 1e15) return FormatCount(std::llround(value));
  return absl::StrFormat("%.4g", value);
}

std::string FormatFixed(double value, int decimals) {
  return absl::StrFormat("%.*f", decimals, value);
}

std::string FormatSigned(double value, int decimals) {
  return absl::StrFormat("%+.*f", decimals, value);
}

std::string FormatPercent(double share, int decimals) {
  return absl::StrFormat("%.*f %%", decimals, share * 100);
}

std::string FormatDuration(double seconds) {
  if (seconds < 10) return absl::StrFormat("%.1f s", std::max(0.0, seconds));
  const int64_t whole = std::llround(std::min(seconds, 1e12));
  const int64_t hours = whole / 3600;
  const int64_t minutes = whole / 60 % 60;
  if (hours > 0) return absl::StrFormat("%d:%02d:%02d", hours, minutes, whole % 60);
  return absl::StrFormat("%d:%02d", minutes, whole % 60);
}

std::string Plural(int64_t count, absl::string_view singular) {
  return absl::StrCat(FormatCount(count), " ", singular, count == 1 ? "" : "s");
}

}  // namespace recsae::cli
