#include "common/base/words.h"

#include "absl/strings/ascii.h"

namespace recsae {
namespace {

bool IsWordByte(unsigned char c) { return absl::ascii_isalnum(c) || c >= 0x80; }

std::vector<std::string> Split(absl::string_view text, bool apostrophes_part) {
  std::vector<std::string> words;
  bool in_word = false;
  for (const char c : text) {
    if (c == '\'' && in_word && !apostrophes_part) continue;
    const auto byte = static_cast<unsigned char>(c);
    if (!IsWordByte(byte)) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    words.back().push_back(absl::ascii_tolower(byte));
  }
  return words;
}

}  // namespace

std::vector<std::string> Words(absl::string_view text) { return Split(text, false); }

std::vector<std::string> WordParts(absl::string_view text) { return Split(text, true); }

}  // namespace recsae
