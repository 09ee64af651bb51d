// Words that are about how popular items are.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERING_POPULARITY_WORDS_H_
#define RECSAE_SERVICES_EXPLAINER_STEERING_POPULARITY_WORDS_H_

#include "absl/strings/string_view.h"
#include "services/explainer/steering/wishes.h"

namespace recsae::explainer {

// 1: the topic means popular items ("mainstream", "hits"); -1: unpopular ones ("hidden gems"); 0:
// something else, or more than that ("popular comedies" are concepts). Lower-case words. English.
int PopularityOfTopic(absl::string_view topic);

// The steps towards popular items that a wish is for; none of them counts twice as much as less. 0
// where it is not about popularity.
double PopularitySteps(const Wish& wish);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERING_POPULARITY_WORDS_H_
