// The words of a text, one definition for all: what a label says is what a search finds.
#ifndef RECSAE_COMMON_BASE_WORDS_H_
#define RECSAE_COMMON_BASE_WORDS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace recsae {

// Runs of letters and digits of any script, without regard to case (ICU's folding, in composed
// form). Where a script does not part its words (Chinese, Japanese, Thai) a dictionary does. An
// apostrophe neither parts a word nor stands in one: "Children's" is "childrens", which a search
// for "children" finds by its beginning. For labels. Thread-safe.
std::vector<std::string> Words(absl::string_view text);

// The same for searching, on both sides of it: without accents ("Été" is "ete", "Łódź" "lodz") and
// without the vowel points of Hebrew and Arabic, and of a script that does not part its words each
// letter and each pair of neighbours, so that a part of a text has no word that the text has not,
// wherever a dictionary parts either.
std::vector<std::string> SearchWords(absl::string_view text);

// The words of a search with apostrophes parting words: "O'Neill" is "o" and "neill".
std::vector<std::string> SearchWordParts(absl::string_view text);

// Two neighbouring words as a text says them: with a space between, but where both are of scripts
// that do not part their words ("星球", "大战").
std::string JoinWords(absl::string_view first, absl::string_view second);

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_WORDS_H_
