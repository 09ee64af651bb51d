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
};

// Why an item: "Because of Alien and The Thing, which this recommender files under 1980s Horror
// (+0.62 of your +0.87)." Without reasons: "You are more in for 1980s Horror than most (+0.62
// ...)." Empty where neither a concept nor an item of the history raises the score. `titles`: of
// the history items weighed. `reasons`: as HistoryEffects::On.
std::string ReasonSentence(absl::Span<const ToldGroup> groups, const PersonalParts<double>& score,
                           absl::Span<const std::string> titles,
                           absl::Span<const HistoryEffect> reasons);

// Why an item rather than another, by the largest part in which they differ: "Alien rather than
// Casablanca: +1.20 by 1980s Horror, of +1.44 in all."
std::string ContrastSentence(absl::string_view title, absl::string_view than,
                             absl::Span<const ToldGroup> groups,
                             const PersonalParts<double>& difference);

// "Alien would not be among your first 10 without The Thing and Aliens (it would be number 14)."
// With `found` false: that nothing of up to `max_size` is enough.
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
