// What people ask for in words: "less gore, more 90s thrillers, no musicals". English.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERING_WISHES_H_
#define RECSAE_SERVICES_EXPLAINER_STEERING_WISHES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace recsae::explainer {

enum class WishPolarity {
  kUnknown,  // the words contradict each other, or do not say
  kMore,
  kLess,
  kNever,
};

// One wish of a text.
struct Wish {
  // As it is written: "no musicals".
  std::string text;
  WishPolarity polarity = WishPolarity::kMore;
  // What it is about: "musicals". Empty where the words say how much, but not of what.
  std::string topic;
};

// The wishes of a text in its order. Commas, semicolons, ends of sentences, "and", "or" and "but"
// part them, and so does a word that says how much ("comedies without romance"). A wish without
// such a word is for more, but for what a list goes on with: "no horror and musicals" and "no
// horror, westerns or musicals" are about none of them; "but" ends that. Words that ask for nothing
// ("please") make no wish. Thread-safe.
std::vector<Wish> ParseWishes(absl::string_view text);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERING_WISHES_H_
