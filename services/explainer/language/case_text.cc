#include "services/explainer/language/case_text.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/utf8.h"

namespace recsae::explainer {
namespace {

constexpr size_t kHistoryItems = 3;
constexpr size_t kAttributes = 3;
constexpr size_t kMaxTitleBytes = 80;
constexpr size_t kMaxAttributeBytes = 40;

std::string OneLine(const std::string& text, size_t limit) {
  std::string line = ShortenedUtf8(text, limit);
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) || c == '{' || c == '}') c = ' ';
  }
  return line;
}

std::string ItemLine(const ItemText& item) {
  std::string line = OneLine(item.title.empty() ? "untitled" : item.title, kMaxTitleBytes);
  const size_t shown = std::min(item.attributes.size(), kAttributes);
  for (size_t i = 0; i < shown; ++i) {
    absl::StrAppend(&line, i == 0 ? " (" : ", ",
                    OneLine(item.attributes[i].second, kMaxAttributeBytes));
  }
  if (shown > 0) line += ")";
  return line;
}

}  // namespace

std::string CaseText(const Case& from, std::span<const ItemText> items) {
  std::string text;
  const size_t begin = from.history.size() - std::min(from.history.size(), kHistoryItems);
  for (size_t i = begin; i < from.history.size(); ++i) {
    absl::StrAppend(&text, i == begin ? "chose " : "; ",
                    ItemLine(items[static_cast<size_t>(from.history[i])]));
  }
  if (!from.ranked.empty()) {
    absl::StrAppend(&text, text.empty() ? "" : " -> ", "recommended ",
                    ItemLine(items[static_cast<size_t>(from.ranked[0])]));
  }
  return text;
}

}  // namespace recsae::explainer
