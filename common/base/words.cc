#include "common/base/words.h"

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace recsae {
namespace {

// Lines of text are shorter by far; what comes after is not looked at.
constexpr size_t kLongestText = size_t{1} << 20;

struct Manner {
  bool apostrophes_part = false;
  bool search = false;
};

// Plain ASCII, as most texts are.
std::vector<std::string> SplitAscii(absl::string_view text, bool apostrophes_part) {
  std::vector<std::string> words;
  bool in_word = false;
  for (const char c : text) {
    if (c == '\'' && in_word && !apostrophes_part) continue;
    if (!absl::ascii_isalnum(c)) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    words.back().push_back(absl::ascii_tolower(c));
  }
  return words;
}

// Letters that no decomposition takes apart, as people type them who do not have them: "Łódź" is
// "lodz", "Ørsted" "orsted".
void AppendBare(UChar32 c, icu::UnicodeString& text) {
  switch (c) {
    case 0x00E6:
      text.append(u"ae", 2);
      return;
    case 0x0153:
      text.append(u"oe", 2);
      return;
    case 0x00F8:
      text.append(u'o');
      return;
    case 0x0142:
      text.append(u'l');
      return;
    case 0x0111:
    case 0x00F0:
      text.append(u'd');
      return;
    case 0x00FE:
      text.append(u"th", 2);
      return;
    case 0x0127:
      text.append(u'h');
      return;
    case 0x0167:
      text.append(u't');
      return;
    case 0x0131:
      text.append(u'i');
      return;
    default:
      text.append(c);
  }
}

// Whether the marks of a script are accents, or vowels that are mostly left out (Hebrew, Arabic).
bool MarksAreLeftOut(UScriptCode script) {
  return script == USCRIPT_LATIN || script == USCRIPT_GREEK || script == USCRIPT_CYRILLIC ||
         script == USCRIPT_HEBREW || script == USCRIPT_ARABIC;
}

// Folded, and without the marks that people leave out if `plain`: in other scripts marks are
// vowels.
icu::UnicodeString Fold(absl::string_view text, bool plain) {
  const icu::UnicodeString raw = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* fold = icu::Normalizer2::getNFKCCasefoldInstance(error);
  if (U_FAILURE(error)) return raw;
  icu::UnicodeString folded = fold->normalize(raw, error);
  if (U_FAILURE(error)) return raw;
  if (!plain) return folded;
  const icu::Normalizer2* decompose = icu::Normalizer2::getNFDInstance(error);
  const icu::Normalizer2* compose = icu::Normalizer2::getNFCInstance(error);
  if (U_FAILURE(error)) return folded;
  const icu::UnicodeString parts = decompose->normalize(folded, error);
  icu::UnicodeString bare;
  UScriptCode script = USCRIPT_COMMON;  // of the last letter
  for (int32_t i = 0; i < parts.length();) {
    const UChar32 c = parts.char32At(i);
    i += U16_LENGTH(c);
    UErrorCode ignored = U_ZERO_ERROR;
    const bool mark = u_charType(c) == U_NON_SPACING_MARK;
    if (!mark) script = uscript_getScript(c, &ignored);
    if (!mark || !MarksAreLeftOut(script)) AppendBare(c, bare);
  }
  icu::UnicodeString composed = compose->normalize(bare, error);
  return U_FAILURE(error) ? folded : composed;
}

bool IsLetter(UChar32 c) {
  const int8_t type = u_charType(c);
  return u_isalnum(c) || type == U_NON_SPACING_MARK || type == U_COMBINING_SPACING_MARK;
}

// Whether the script of a letter has no spaces between words.
bool IsUnparted(UChar32 c) {
  UErrorCode error = U_ZERO_ERROR;
  switch (uscript_getScript(c, &error)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
      return true;
    default:
      // The mark that makes a vowel long stands in Katakana words alone.
      return c == 0x30FC;
  }
}

std::string Utf8(const icu::UnicodeString& text) {
  std::string utf8;
  text.toUTF8String(utf8);
  return utf8;
}

// Each letter, and each pair of neighbours.
void AddPairs(const icu::UnicodeString& run, std::vector<std::string>* words) {
  for (int32_t i = 0; i < run.length();) {
    const int32_t next = run.moveIndex32(i, 1);
    words->push_back(Utf8(run.tempSubStringBetween(i, next)));
    if (next < run.length()) {
      words->push_back(Utf8(run.tempSubStringBetween(i, run.moveIndex32(next, 1))));
    }
    i = next;
  }
}

// As the dictionary parts it.
void AddParted(const icu::UnicodeString& run, std::vector<std::string>* words) {
  thread_local const std::unique_ptr<icu::BreakIterator> breaks = [] {
    UErrorCode error = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> made(
        icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), error));
    return U_FAILURE(error) ? nullptr : std::move(made);
  }();
  if (breaks == nullptr) return AddPairs(run, words);
  breaks->setText(run);
  int32_t begin = breaks->first();
  for (int32_t end = breaks->next(); end != icu::BreakIterator::DONE; end = breaks->next()) {
    words->push_back(Utf8(run.tempSubStringBetween(begin, end)));
    begin = end;
  }
}

std::vector<std::string> Split(absl::string_view text, const Manner& manner) {
  text = text.substr(0, kLongestText);
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isascii(static_cast<unsigned char>(c));
  });
  if (ascii) return SplitAscii(text, manner.apostrophes_part);
  std::vector<std::string> words;
  icu::UnicodeString run;
  bool unparted = false;  // the run's letters
  const auto end_run = [&] {
    if (run.isEmpty()) return;
    if (!unparted) {
      words.push_back(Utf8(run));
    } else if (manner.search) {
      AddPairs(run, &words);
    } else {
      AddParted(run, &words);
    }
    run.remove();
  };
  const icu::UnicodeString folded = Fold(text, manner.search);
  for (int32_t i = 0; i < folded.length();) {
    const UChar32 c = folded.char32At(i);
    i += U16_LENGTH(c);
    const bool apostrophe = c == '\'' || c == 0x2019 || c == 0x02BC;
    if (apostrophe && !run.isEmpty() && !manner.apostrophes_part) continue;
    if (apostrophe || !IsLetter(c)) {
      end_run();
      continue;
    }
    if (!run.isEmpty() && IsUnparted(c) != unparted && u_charType(c) != U_NON_SPACING_MARK)
      end_run();
    if (run.isEmpty()) unparted = IsUnparted(c);
    run.append(c);
  }
  end_run();
  return words;
}

}  // namespace

std::vector<std::string> Words(absl::string_view text) { return Split(text, {}); }

std::vector<std::string> SearchWords(absl::string_view text) { return Split(text, {false, true}); }

std::vector<std::string> SearchWordParts(absl::string_view text) {
  return Split(text, {true, true});
}

std::string JoinWords(absl::string_view first, absl::string_view second) {
  const auto unparted = [](absl::string_view letter) {
    const icu::UnicodeString text = icu::UnicodeString::fromUTF8(
        icu::StringPiece(letter.data(), static_cast<int32_t>(letter.size())));
    return !text.isEmpty() && IsUnparted(text.char32At(0));
  };
  size_t last = first.size();  // where the first word's last letter begins
  while (last > 0 && (static_cast<unsigned char>(first[last - 1]) & 0xC0) == 0x80) --last;
  if (last > 0) --last;
  const bool close = unparted(first.substr(last)) && unparted(second.substr(0, 4));
  return absl::StrCat(first, close ? "" : " ", second);
}

}  // namespace recsae
