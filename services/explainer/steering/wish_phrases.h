// The English phrases that say how much of something is wished.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERING_WISH_PHRASES_H_
#define RECSAE_SERVICES_EXPLAINER_STEERING_WISH_PHRASES_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace recsae::explainer {

enum class PhraseKind {
  kTopic,    // none of them: what a wish is about
  kFiller,   // says nothing: "please", "movies"
  kNot,      // turns what it stands with: "not", "don't"
  kNever,    // "without", "hate"
  kLess,     // "fewer", "too much"
  kMore,     // "more", "only"
  kTooMuch,  // less, also with kNot: "too much", "don't show too much"
  kSoMuch,   // with kNot less, else nothing: "don't show so much"
  kLike,     // "like": more, where nothing else is said
  kShow,     // "show", "want": the same, but "don't show" is never where "don't like" is less
  kAnd,      // goes on
  kBut,      // ends what was said
};

// In words.
inline constexpr size_t kLongestPhrase = 4;

// Of lower-case words without apostrophes, joined by single spaces. Thread-safe.
PhraseKind KindOf(absl::string_view phrase);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERING_WISH_PHRASES_H_
