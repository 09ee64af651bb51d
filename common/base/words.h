// The words of a text, one definition for all: what a label says is what a search finds.
#ifndef RECSAE_COMMON_BASE_WORDS_H_
#define RECSAE_COMMON_BASE_WORDS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace recsae {

// Runs of letters and digits, and of any bytes beyond ASCII; ASCII letters in lower case. An
// apostrophe neither parts a word nor stands in one: "Children's" is "childrens", which a search
// for "children" finds by its beginning.
std::vector<std::string> Words(absl::string_view text);

// The same with apostrophes parting words: "O'Neill" is "o" and "neill".
std::vector<std::string> WordParts(absl::string_view text);

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_WORDS_H_
