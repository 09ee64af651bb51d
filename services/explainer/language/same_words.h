// Whether two descriptions say the same.
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_SAME_WORDS_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_SAME_WORDS_H_

#include "absl/strings/string_view.h"

namespace recsae::explainer {

// They share half of their words or more, as a search folds them (common/base/query_words.h): one
// is no control for the other. Two without words do. Thread-safe.
bool SayTheSame(absl::string_view a, absl::string_view b);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_SAME_WORDS_H_
