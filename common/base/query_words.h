// What people mean by the words of a search: plurals, stop words, decades and compounds of English.
#ifndef RECSAE_COMMON_BASE_QUERY_WORDS_H_
#define RECSAE_COMMON_BASE_QUERY_WORDS_H_

#include <compare>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace recsae {

// A word as it is written (SearchWords, compounds joined), and what it counts as: "thrillers" and
// "thriller's" as "thriller", "90s" and "nineties" as "1990s", "sci-fi" as "scifi".
struct FoldedWord {
  std::string written;
  std::string folded;
};

// Of a text that is searched. All of this file is thread-safe.
std::vector<FoldedWord> FoldWords(const std::vector<std::string>& words);
std::vector<FoldedWord> FoldWords(absl::string_view text);

// The decades that a text has in between: "1970s-1990s" has the 1980s. Each once.
std::vector<FoldedWord> DecadesBetween(const std::vector<FoldedWord>& words);

// Of a query: without stop words ("the", "movies"), unless it has no others.
std::vector<FoldedWord> QueryWords(const std::vector<std::string>& words);
std::vector<FoldedWord> QueryWords(absl::string_view query);

// The word that what a word means is filed under where nothing is under the word itself: "scary"
// things under "horror". Empty for most words.
std::string RelatedWord(absl::string_view folded);

// INVALID_ARGUMENT (QUERY_NEGATED) for "not horror", "no horror", "non-horror", "without horror"
// and "less horror": words that say what not to look for, with the way to say that.
absl::Status CheckNotNegated(absl::string_view query);

// A description in two parts: what it says, and the examples after it ("Horror; like Misery").
struct DescriptionParts {
  absl::string_view said;
  absl::string_view examples;
};
DescriptionParts PartsOf(absl::string_view description);

// How well one word of a query is matched.
enum class WordMatch : int {
  kNone = 0,
  kNear = 1,     // a word that begins with it, or a related word
  kExample = 2,  // the word itself, among the examples
  kWord = 3,     // the word itself
};

// How well a text matches a query: by the words that it has, then by how it has them. The word that
// the others describe (the last one that is no decade) counts more than any other: of "90s
// thrillers" a thriller is more of it than something else of the 1990s.
struct MatchLevel {
  int words = 0;
  int quality = 0;
  // clang-tidy 14 takes the 0 that it is compared with for a pointer.
  auto operator<=>(const MatchLevel&) const = default;  // NOLINT(modernize-use-nullptr)
};

// The place of that word in a query that is not empty.
size_t HeadOf(const std::vector<FoldedWord>& query);

// Adds the match of one word to a level.
void AddMatch(WordMatch match, bool is_head, MatchLevel& level);

// Of a description, and of more that is said beside it (terms).
MatchLevel LevelOf(const std::vector<FoldedWord>& query, absl::string_view description,
                   absl::string_view more = {});

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_QUERY_WORDS_H_
