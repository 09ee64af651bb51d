// Reasons in words, for the user who got the recommendation.
//
// Every sentence is made of what was measured: a title is named where the score has more by it, a
// concept where it passed its tests and raises the score of this user above others', a number where
// it is the part of the score that the sentence says.
#ifndef RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_SENTENCE_H_
#define RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_SENTENCE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/explainer/attribution/personal.h"
#include "services/explainer/attribution/reasons.h"

namespace recsae::explainer {

// A group of latents as people are told of it.
struct ToldGroup {
  std::string description;
  bool tellable = false;  // its description passed the tests that make it worth saying
  // Of the history items weighed, whether the description is true of each.
  std::vector<bool> true_of;
  // What the item's lead over its rivals has by it: of several that raise the score, the one of the
  // largest is named, and none below 0.
  double margin = 0;
};

// Why an item: "Because of Alien and The Thing, in which this recommender sees 1980s Horror: +0.62
// of the +0.87 that it scores above an average user's." Where the items that do most for the
// score do not do so by the concept, or it is not true of them, both are told side by side. Empty
// where neither a concept nor an item of the history raises the score. `groups`: tellable are those
// alone whose description is true of the item. `titles`: of the history items weighed. `reasons`:
// as HistoryEffects::On.
std::string ReasonSentence(absl::Span<const ToldGroup> groups, const PersonalParts<double>& score,
                           absl::Span<const std::string> titles,
                           absl::Span<const HistoryEffect> reasons);

// Why an item rather than another, by the largest part in which they differ: "Alien rather than
// Casablanca: +1.44, of which +1.20 by 1980s Horror."
std::string ContrastSentence(absl::string_view title, absl::string_view than,
                             absl::Span<const ToldGroup> groups,
                             const PersonalParts<double>& difference);

// "Without The Thing and Aliens, Alien would be number 14, not among the first 10." With `found`
// false: that nothing of up to `max_size` that was tried is enough.
struct CounterfactualWords {
  std::string title;
  std::vector<std::string> without;
  bool concepts = false;  // these are concepts, else items
  bool found = false;
  int top = 0;
  int max_size = 0;
  int rank_before = 0;
  int rank_after = 0;
};
std::string CounterfactualSentence(const CounterfactualWords& words);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_SENTENCE_H_
