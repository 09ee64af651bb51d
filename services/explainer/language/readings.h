// What the words of a language model say. All are nullopt where they say nothing that was asked.
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_READINGS_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_READINGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace recsae::explainer {

// The first line with words in it, without what models put around an answer (quotes, list marks,
// "Description:"); at most 200 bytes.
std::optional<std::string> ReadDescription(absl::string_view text);

// Which of the cases 1 to n are named, by number less 1; none of them for "none".
std::optional<std::vector<bool>> ReadNumbers(absl::string_view text, int n);

// The first whole number, if it is 0 to 10.
std::optional<int> ReadLevel(absl::string_view text);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_READINGS_H_
