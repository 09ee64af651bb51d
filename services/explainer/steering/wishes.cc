// From words to wishes: a table of phrases that say how much, and what they mean together.
#include "services/explainer/steering/wishes.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/explainer/steering/wish_phrases.h"

namespace recsae::explainer {
namespace {

enum class Break {
  kNone,      // the start of the text, or a word that says how much
  kComma,     // ,
  kAnd,       // and, or, nor, &, /
  kSentence,  // ; . ! ? but, and new lines
};

struct Token {
  std::string word;  // lower case, without apostrophes
  size_t begin = 0;  // bytes of the text
  size_t end = 0;
  Break after_break = Break::kNone;  // what stands before it
};

// A part of the text with one meaning.
struct Clause {
  Break before = Break::kNone;
  std::vector<PhraseKind> markers;
  std::vector<std::string> topic;
  size_t begin = 0;
  size_t end = 0;
};

bool IsLetter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         (static_cast<unsigned char>(c) >= 0x80);
}

// Bytes of a sign beyond ASCII that is no letter, such as a curly quote or a dash; 0 where there is
// none.
size_t OtherSign(absl::string_view text, size_t i) {
  for (const absl::string_view sign : {"\xE2\x80", "\xE2\x81", "\xE3\x80"}) {
    if (absl::StartsWith(text.substr(i), sign)) return std::min<size_t>(3, text.size() - i);
  }
  return 0;
}

// Bytes of an apostrophe, straight or curly, at `i`; 0 where there is none.
size_t Apostrophe(absl::string_view text, size_t i) {
  if (text[i] == '\'') return 1;
  return absl::StartsWith(text.substr(i), "\u2019") ? 3 : 0;
}

// A point or hyphen parts words only where no letter follows it at once: "sci-fi", "dr.strange".
Break BreakOf(absl::string_view text, size_t i) {
  switch (text[i]) {
    case ',':
      return Break::kComma;
    case '&':
    case '/':
      return Break::kAnd;
    case ';':
    case '!':
    case '?':
    case '\n':
      return Break::kSentence;
    case '.':
      return i + 1 == text.size() || absl::ascii_isspace(static_cast<unsigned char>(text[i + 1]))
                 ? Break::kSentence
                 : Break::kNone;
    default:
      return Break::kNone;
  }
}

// "+horror" and "-horror".
absl::string_view SignWord(absl::string_view text, size_t i) {
  const bool starts = (i == 0 || absl::ascii_isspace(static_cast<unsigned char>(text[i - 1])) ||
                       text[i - 1] == ',') &&
                      i + 1 < text.size() && IsLetter(text[i + 1]);
  if (!starts) return {};
  if (text[i] == '+') return "more";
  return text[i] == '-' ? "less" : "";
}

std::vector<Token> Tokenize(absl::string_view text) {
  std::vector<Token> tokens;
  Break pending = Break::kNone;
  size_t i = 0;
  while (i < text.size()) {
    if (const absl::string_view sign = SignWord(text, i); !sign.empty()) {
      tokens.push_back({std::string(sign), i, i + 1, std::exchange(pending, Break::kNone)});
      ++i;
      continue;
    }
    if (!IsLetter(text[i]) || OtherSign(text, i) > 0) {
      pending = std::max(pending, BreakOf(text, i));
      i += std::max<size_t>(1, OtherSign(text, i));
      continue;
    }
    Token token;
    token.begin = i;
    while (i < text.size()) {
      if (const size_t skip = Apostrophe(text, i); skip > 0) {
        i += skip;
      } else if (IsLetter(text[i]) && OtherSign(text, i) == 0) {
        token.word.push_back(absl::ascii_tolower(static_cast<unsigned char>(text[i++])));
      } else {
        break;
      }
    }
    token.end = i;
    token.after_break = std::exchange(pending, Break::kNone);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// The longest phrase that the tokens from `i` on begin with, none of it after a break.
struct FoundPhrase {
  PhraseKind kind = PhraseKind::kTopic;
  size_t words = 1;
};

FoundPhrase PhraseAt(const std::vector<Token>& tokens, size_t i) {
  std::string phrase;
  FoundPhrase found;
  for (size_t n = 1; n <= kLongestPhrase && i + n <= tokens.size(); ++n) {
    const Token& token = tokens[i + n - 1];
    if (n > 1 && token.after_break != Break::kNone) break;
    absl::StrAppend(&phrase, n > 1 ? " " : "", token.word);
    const PhraseKind kind = KindOf(phrase);
    if (kind != PhraseKind::kTopic) found = {kind, n};
  }
  return found;
}

bool SaysHowMuch(PhraseKind kind) {
  return kind != PhraseKind::kTopic && kind != PhraseKind::kFiller && kind != PhraseKind::kAnd &&
         kind != PhraseKind::kBut;
}

// Whether a topic follows before the next break or the next "and".
bool TopicFollows(const std::vector<Token>& tokens, size_t i) {
  while (i < tokens.size() && tokens[i].after_break == Break::kNone) {
    const FoundPhrase found = PhraseAt(tokens, i);
    if (found.kind == PhraseKind::kTopic) return true;
    if (found.kind == PhraseKind::kAnd || found.kind == PhraseKind::kBut) return false;
    i += found.words;
  }
  return false;
}

std::vector<Clause> Split(const std::vector<Token>& tokens) {
  std::vector<Clause> clauses;
  Break pending = Break::kSentence;
  bool open = false;
  const auto close = [&](Break why) {
    pending = open ? why : std::max(pending, why);
    open = false;
  };
  for (size_t i = 0; i < tokens.size();) {
    const FoundPhrase found = PhraseAt(tokens, i);
    if (tokens[i].after_break != Break::kNone) close(tokens[i].after_break);
    const size_t next = i + found.words;
    if (found.kind == PhraseKind::kAnd || found.kind == PhraseKind::kBut) {
      close(found.kind == PhraseKind::kAnd ? Break::kAnd : Break::kSentence);
      i = next;
      continue;
    }
    // "comedies without romance" are two; "horror less" and "comedies I like" are one.
    if (open && SaysHowMuch(found.kind) && !clauses.back().topic.empty() &&
        TopicFollows(tokens, next)) {
      close(Break::kNone);
    }
    if (!open) {
      clauses.push_back({pending, {}, {}, tokens[i].begin, tokens[i].begin});
      open = true;
    }
    Clause& clause = clauses.back();
    if (SaysHowMuch(found.kind)) clause.markers.push_back(found.kind);
    if (found.kind == PhraseKind::kTopic) clause.topic.push_back(tokens[i].word);
    clause.end = tokens[next - 1].end;
    i = next;
  }
  return clauses;
}

bool Has(const Clause& clause, PhraseKind kind) {
  return std::find(clause.markers.begin(), clause.markers.end(), kind) != clause.markers.end();
}

// What the markers of a clause say together; there is at least one.
WishPolarity Meaning(const Clause& clause) {
  const bool never = Has(clause, PhraseKind::kNever);
  const bool less = Has(clause, PhraseKind::kLess);
  const bool too_much = Has(clause, PhraseKind::kTooMuch);
  if (!Has(clause, PhraseKind::kNot)) {
    if (never) {
      // "stop hiding horror"
      const auto count =
          std::count(clause.markers.begin(), clause.markers.end(), PhraseKind::kNever);
      return count % 2 == 0 ? WishPolarity::kMore : WishPolarity::kNever;
    }
    return less || too_much ? WishPolarity::kLess : WishPolarity::kMore;
  }
  if (too_much || Has(clause, PhraseKind::kSoMuch)) return WishPolarity::kLess;
  if (never || less) return WishPolarity::kMore;  // "don't hide horror", "I don't want less"
  if (Has(clause, PhraseKind::kMore)) return WishPolarity::kNever;  // "don't show me more"
  return Has(clause, PhraseKind::kLike) ? WishPolarity::kLess : WishPolarity::kNever;
}

// Clauses without a marker from `i` on that a list makes one with the clause before: up to the last
// of those that only commas part, if "and" or "or" comes among them.
bool ListGoesOn(const std::vector<Clause>& clauses, size_t i) {
  for (; i < clauses.size() && clauses[i].markers.empty(); ++i) {
    if (clauses[i].before == Break::kAnd) return true;
    if (clauses[i].before != Break::kComma) return false;
  }
  return false;
}

}  // namespace

std::vector<Wish> ParseWishes(absl::string_view text) {
  const std::vector<Clause> clauses = Split(Tokenize(text));
  std::vector<Wish> wishes;
  WishPolarity last = WishPolarity::kMore;
  for (size_t i = 0; i < clauses.size(); ++i) {
    const Clause& clause = clauses[i];
    if (!clause.markers.empty()) {
      last = Meaning(clause);
    } else if (!ListGoesOn(clauses, i)) {
      last = WishPolarity::kMore;
    }
    // "no, no horror": the first says what the second does.
    const bool next_says = i + 1 < clauses.size() && !clauses[i + 1].topic.empty();
    const bool silent = clause.topic.empty() && (clause.markers.empty() || next_says);
    if (silent) continue;
    // "Horror? No thanks."
    if (clause.topic.empty() && i > 0 && clauses[i - 1].markers.empty() &&
        !clauses[i - 1].topic.empty()) {
      wishes.back().polarity = last;
      continue;
    }
    wishes.push_back({std::string(text.substr(clause.begin, clause.end - clause.begin)), last,
                      absl::StrJoin(clause.topic, " ")});
  }
  return wishes;
}

}  // namespace recsae::explainer
