// Lists and dictionaries as Python, JSON and NumPy write them.
#include <simdjson.h>

#include <array>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "services/probe/datasets/json_text.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

// Rewrites one text; `at` is what is read next.
class LiteralRewriter {
 public:
  explicit LiteralRewriter(absl::string_view text) : text_(text) { out_.reserve(text.size() + 16); }

  std::string Rewrite() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        String(c);
      } else if (absl::ascii_isalpha(c) || c == '_') {
        Word();
      } else {
        Punctuation(c);
      }
    }
    return std::move(out_);
  }

 private:
  void Punctuation(char c) {
    if (c == '(') c = '[';
    if (c == ')') c = ']';
    ++at_;
    if (c == '}' || c == ']') {  // Python allows a comma before them
      size_t end = out_.size();
      while (end > 0 && absl::ascii_isspace(out_[end - 1])) --end;
      if (end > 0 && out_[end - 1] == ',') out_.resize(end - 1);
    }
    out_ += c;
  }

  void Word() {
    const size_t begin = at_;
    while (at_ < text_.size() && (absl::ascii_isalnum(text_[at_]) || text_[at_] == '_')) ++at_;
    const absl::string_view word = text_.substr(begin, at_ - begin);
    const bool quote = at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"');
    if (quote && word.size() <= 2) return;  // u'...', b'...'
    if (word == "True" || word == "true") {
      out_ += "true";
    } else if (word == "False" || word == "false") {
      out_ += "false";
    } else if (IsMissing(word) || word == "Infinity" || word == "inf") {
      if (!out_.empty() && out_.back() == '-') out_.pop_back();
      out_ += "null";
    } else {
      out_.append(word.data(), word.size());  // an exponent, or no literal at all
    }
  }

  // Of `digits` hexadecimal digits that follow; false if they are not there.
  bool Hex(size_t digits, uint32_t* code) {
    if (at_ + digits > text_.size()) return false;
    *code = 0;
    for (size_t i = 0; i < digits; ++i) {
      const char c = text_[at_ + i];
      if (!absl::ascii_isxdigit(c)) return false;
      *code = *code * 16 +
              static_cast<uint32_t>(absl::ascii_isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    at_ += digits;
    return true;
  }

  void Code(uint32_t code) {
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
    if (code >= 0x10000) {
      absl::StrAppendFormat(&out_, "\\u%04x\\u%04x", 0xD800 + ((code - 0x10000) >> 10),
                            0xDC00 + ((code - 0x10000) & 0x3FF));
    } else {
      absl::StrAppendFormat(&out_, "\\u%04x", code);
    }
  }

  // What follows a backslash.
  void Escape() {
    if (at_ >= text_.size()) return;
    const char c = text_[at_++];
    uint32_t code = 0, low = 0;
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0) {
      if (!Hex(digits, &code)) return Code(0xFFFD);
      const size_t after = at_;
      const bool pair = code >= 0xD800 && code < 0xDC00 && at_ + 1 < text_.size() &&
                        text_[at_] == '\\' && text_[at_ + 1] == 'u';
      if (pair && (at_ += 2, Hex(4, &low)) && low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      } else {
        at_ = after;
      }
      return Code(code);
    }
    if (absl::StrContains("\"\\/bfnrt", c)) {
      out_ += {'\\', c};
    } else if (c != '\n') {
      out_ += c;  // \' and what is no escape
    }
  }

  void String(char quote) {
    out_ += '"';
    for (++at_; at_ < text_.size() && text_[at_] != quote;) {
      const char c = text_[at_++];
      if (c == '\\') {
        Escape();
      } else if (c == '"') {
        out_ += "\\\"";
      } else if (static_cast<unsigned char>(c) < 0x20) {
        Code(static_cast<unsigned char>(c));
      } else {
        out_ += c;
      }
    }
    if (at_ < text_.size()) ++at_;
    out_ += '"';
  }

  absl::string_view text_;
  size_t at_ = 0;
  std::string out_;
};

// "[a, b]" without quotes, "['a' 'b']" of NumPy.
void SplitPlainly(absl::string_view text, std::string* elements) {
  const bool quoted = text.find_first_of("'\"") != absl::string_view::npos;
  std::string element;
  char quote = '\0';
  const auto add = [&] {
    const absl::string_view trimmed = absl::StripAsciiWhitespace(element);
    if (!trimmed.empty()) absl::StrAppend(elements, elements->empty() ? "" : "\x1F", trimmed);
    element.clear();
  };
  for (const char c : text) {
    if (quote != '\0' ? c == quote : (c == '\'' || c == '"')) {
      if (quote != '\0') add();
      quote = quote != '\0' ? '\0' : c;
    } else if (quote == '\0' && (c == ',' || (quoted && absl::ascii_isspace(c)))) {
      add();
    } else {
      element += c;
    }
  }
  add();
}

}  // namespace

std::string LiteralToJson(absl::string_view text) { return LiteralRewriter(text).Rewrite(); }

bool ParseList(absl::string_view text, std::string* elements) {
  text = absl::StripAsciiWhitespace(text);
  // NumPy's: array(['a', 'b'], dtype=object).
  if (absl::ConsumePrefix(&text, "array(")) text = text.substr(0, text.rfind(']') + 1);
  if (text.size() < 2) return false;
  const char first = text.front(), last = text.back();
  const bool list = (first == '[' && last == ']') || (first == '{' && last == '}') ||
                    (first == '(' && last == ')' && absl::StrContains(text, '\''));
  if (!list) return false;
  elements->clear();
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element element;
  if (parser.parse(LiteralToJson(text)).get(element) == simdjson::SUCCESS) {
    int64_t dropped = 0;
    AppendText(element, elements, &dropped);
    return true;
  }
  if (first == '{' && !absl::StrContains(text, ',')) return false;
  SplitPlainly(text.substr(1, text.size() - 2), elements);
  return true;
}

}  // namespace recsae::probe
