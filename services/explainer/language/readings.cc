#include "services/explainer/language/readings.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/utf8.h"

namespace recsae::explainer {
namespace {

constexpr size_t kMaxDescriptionBytes = 200;

// The whole numbers in a text, in order; -1 for one that is too long to matter.
std::vector<int> NumbersIn(absl::string_view text) {
  std::vector<int> numbers;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[end]))) ++end;
    if (end > i) {
      int number = -1;
      if (!absl::SimpleAtoi(text.substr(i, end - i), &number)) number = -1;
      numbers.push_back(number);
    }
    i = std::max(end, i + 1);
  }
  return numbers;
}

bool HasWord(absl::string_view line) {
  return std::any_of(line.begin(), line.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return absl::ascii_isalnum(byte) || byte >= 0x80;
  });
}

}  // namespace

std::optional<std::string> ReadDescription(absl::string_view text) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const auto strip = [&line] {
      constexpr absl::string_view kAround = " \t\r\"'`*#-";
      while (!line.empty() && absl::StrContains(kAround, line.front())) line.remove_prefix(1);
      while (!line.empty() && (line.back() == '.' || absl::StrContains(kAround, line.back()))) {
        line.remove_suffix(1);
      }
    };
    strip();
    for (const absl::string_view label : {"description:", "answer:", "phrase:"}) {
      if (absl::StartsWithIgnoreCase(line, label)) line.remove_prefix(label.size());
    }
    strip();
    if (HasWord(line)) return ShortenedUtf8(line, kMaxDescriptionBytes);
  }
  return std::nullopt;
}

std::optional<std::vector<bool>> ReadNumbers(absl::string_view text, int n) {
  std::vector<bool> named(static_cast<size_t>(n), false);
  bool any = false;
  for (const int number : NumbersIn(text)) {
    if (number < 1 || number > n) continue;
    named[static_cast<size_t>(number) - 1] = true;
    any = true;
  }
  if (!any && !absl::StartsWithIgnoreCase(absl::StripLeadingAsciiWhitespace(text), "none")) {
    return std::nullopt;
  }
  return named;
}

std::optional<int> ReadLevel(absl::string_view text) {
  const std::vector<int> numbers = NumbersIn(text);
  if (numbers.empty() || numbers[0] < 0 || numbers[0] > 10) return std::nullopt;
  return numbers[0];
}

}  // namespace recsae::explainer
