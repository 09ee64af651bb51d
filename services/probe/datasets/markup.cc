// Titles from web pages, and the years in titles.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

// Tags that people mean as such: "<Untitled>" is a title.
bool IsTag(absl::string_view name) {
  static const std::unordered_set<std::string_view> kTags = {
      "a",    "abbr",   "b",      "big",   "blockquote", "body", "br",     "center",
      "code", "dd",     "del",    "div",   "dl",         "dt",   "em",     "font",
      "h1",   "h2",     "h3",     "h4",    "h5",         "h6",   "head",   "hr",
      "html", "i",      "iframe", "img",   "ins",        "li",   "link",   "mark",
      "meta", "nobr",   "ol",     "p",     "pre",        "s",    "script", "small",
      "span", "strike", "strong", "style", "sub",        "sup",  "table",  "tbody",
      "td",   "th",     "title",  "tr",    "tt",         "u",    "ul",     "wbr"};
  const std::string lower = absl::AsciiStrToLower(name);
  return kTags.contains(lower);
}

// Names of HTML 4: Latin-1 by number from 160 on, and what else titles have.
constexpr absl::string_view kLatin1[] = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",
    "copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn",
    "sup2",   "sup3",   "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",
    "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde",
    "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave",
    "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde",
    "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",
    "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
    "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",   "eth",
    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};
constexpr std::pair<absl::string_view, uint16_t> kOthers[] = {
    {"amp", '&'},       {"lt", '<'},        {"gt", '>'},       {"quot", '"'},
    {"apos", '\''},     {"ndash", 0x2013},  {"mdash", 0x2014}, {"lsquo", 0x2018},
    {"rsquo", 0x2019},  {"sbquo", 0x201A},  {"ldquo", 0x201C}, {"rdquo", 0x201D},
    {"bdquo", 0x201E},  {"hellip", 0x2026}, {"bull", 0x2022},  {"trade", 0x2122},
    {"euro", 0x20AC},   {"prime", 0x2032},  {"Prime", 0x2033}, {"lsaquo", 0x2039},
    {"rsaquo", 0x203A}, {"OElig", 0x0152},  {"oelig", 0x0153}, {"Scaron", 0x0160},
    {"scaron", 0x0161}, {"Yuml", 0x0178},   {"fnof", 0x0192},  {"minus", 0x2212},
    {"thinsp", 0x2009}, {"ensp", 0x2002},   {"emsp", 0x2003},  {"hearts", 0x2665},
    {"infin", 0x221E},  {"pi", 0x03C0},     {"alpha", 0x03B1}, {"beta", 0x03B2},
    {"omega", 0x03C9},  {"frasl", 0x2044},  {"zwj", 0x200D},   {"zwnj", 0x200C}};

// The character of "eacute", "#233" or "#xE9"; 0: none.
uint32_t EntityCode(absl::string_view name) {
  static const auto* codes = [] {
    auto* made = new std::unordered_map<std::string, uint32_t>;
    constexpr uint32_t kFirst = 160;
    for (size_t i = 0; i < std::size(kLatin1); ++i)
      (*made)[std::string(kLatin1[i])] = kFirst + static_cast<uint32_t>(i);
    for (const auto& [other, code] : kOthers) (*made)[std::string(other)] = code;
    return made;
  }();
  uint32_t code = 0;
  if (absl::ConsumePrefix(&name, "#")) {
    const bool hex = absl::ConsumePrefix(&name, "x") || absl::ConsumePrefix(&name, "X");
    const bool number = hex ? absl::SimpleHexAtoi(name, &code) : absl::SimpleAtoi(name, &code);
    const bool valid =
        number && code >= 0x20 && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    return valid ? code : 0;
  }
  const auto found = codes->find(std::string(name));
  return found == codes->end() ? 0 : found->second;
}

void AppendCode(uint32_t code, std::string* out) {
  if (code == 0xA0) code = ' ';
  if (code == 0xAD) return;  // a hyphen that is not shown
  WideDecoder decoder(Encoding::kUtf16Big);
  const auto unit = [&](uint32_t u) {
    const char bytes[] = {static_cast<char>(u >> 8), static_cast<char>(u & 0xFF)};
    decoder.Decode(absl::string_view(bytes, 2), out);
  };
  if (code >= 0x10000) {
    unit(0xD800 + ((code - 0x10000) >> 10));
    unit(0xDC00 + ((code - 0x10000) & 0x3FF));
  } else {
    unit(code);
  }
}

std::string DecodeEntities(absl::string_view text) {
  constexpr size_t kLongestName = 10;
  std::string out;
  while (!text.empty()) {
    const size_t end =
        text[0] == '&' ? text.substr(0, kLongestName + 2).find(';') : absl::string_view::npos;
    const uint32_t code = end == absl::string_view::npos ? 0 : EntityCode(text.substr(1, end - 1));
    if (code != 0) {
      AppendCode(code, &out);
      text.remove_prefix(end + 1);
    } else {
      out += text[0];
      text.remove_prefix(1);
    }
  }
  return out;
}

// Of the tag that `text` starts with: its bytes, what a script or style holds with it; 0: none.
size_t TagLength(absl::string_view text) {
  if (absl::StartsWith(text, "<!--")) {
    const size_t end = text.find("-->");
    return end == absl::string_view::npos ? 0 : end + 3;
  }
  size_t at = 1;
  const bool closing = at < text.size() && text[at] == '/';
  if (closing) ++at;
  const size_t name = at;
  while (at < text.size() && absl::ascii_isalnum(text[at])) ++at;
  const absl::string_view tag = text.substr(name, at - name);
  const bool follows =
      at < text.size() && (text[at] == '>' || text[at] == '/' || absl::ascii_isspace(text[at]));
  if (!follows || !IsTag(tag)) return 0;
  const size_t end = text.find('>', at);
  if (end == absl::string_view::npos) return 0;
  const bool hidden = absl::EqualsIgnoreCase(tag, "script") || absl::EqualsIgnoreCase(tag, "style");
  if (closing || !hidden) return end + 1;
  const size_t closes = absl::AsciiStrToLower(text).find("</" + absl::AsciiStrToLower(tag), end);
  const size_t closed = closes == std::string::npos ? closes : text.find('>', closes);
  return closed == absl::string_view::npos ? end + 1 : closed + 1;
}

std::string WithoutTags(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = text[0] == '<' ? TagLength(text) : 0;
    if (length > 0) {
      // Words that a tag parts stay apart.
      if (!out.empty() && length < text.size() && !absl::ascii_isspace(out.back())) {
        const bool parts =
            absl::StartsWithIgnoreCase(text, "<br") || absl::StartsWithIgnoreCase(text, "<p") ||
            absl::StartsWithIgnoreCase(text, "<li") || absl::StartsWithIgnoreCase(text, "<td") ||
            absl::StartsWithIgnoreCase(text, "<div");
        if (parts) out += ' ';
      }
      text.remove_prefix(length);
    } else {
      out += text[0];
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace

std::string WithoutMarkup(absl::string_view text) {
  std::string plain = WithoutTags(text);
  // What was escaped on the way into a page and again on the way out: "&amp;quot;".
  for (int pass = 0; pass < 2 && absl::StrContains(plain, '&'); ++pass)
    plain = DecodeEntities(plain);
  if (absl::StrContains(plain, '<')) plain = WithoutTags(plain);
  std::string out;
  for (const char c : plain) {
    const bool space = absl::ascii_isspace(c);
    if (!space || (!out.empty() && out.back() != ' ')) out += space ? ' ' : c;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out.empty() ? std::string(text) : out;
}

std::string YearOf(absl::string_view title) {
  const auto trim = [&] {
    while (!title.empty() &&
           (absl::ascii_isspace(title.back()) || title.back() == '"' || title.back() == '\'')) {
      title.remove_suffix(1);
    }
  };
  // The last groups in brackets, "(1995) (TV)".
  for (trim(); !title.empty() && title.back() == ')'; trim()) {
    const size_t open = title.rfind('(');
    if (open == absl::string_view::npos) return "";
    const absl::string_view group = title.substr(open + 1, title.size() - open - 2);
    const absl::string_view year = group.substr(0, 4);
    const bool digits =
        year.size() == 4 && std::all_of(year.begin(), year.end(), absl::ascii_isdigit);
    // "1995", "1995-", "1995–1999", not "1995 version" nor "19951".
    const absl::string_view rest = group.substr(std::min<size_t>(4, group.size()));
    const bool ends = rest.empty() || rest[0] == '-' || absl::StartsWith(rest, "\xE2\x80\x93") ||
                      absl::StartsWith(rest, "\xE2\x80\x94") || rest[0] == '/' ||
                      absl::StartsWith(rest, ", ");
    if (digits && ends) return std::string(year);
    title = title.substr(0, open);
  }
  return "";
}

}  // namespace recsae::probe
