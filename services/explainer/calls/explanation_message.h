// From what was computed of one activation to the message Explanation.
#ifndef RECSAE_SERVICES_EXPLAINER_CALLS_EXPLANATION_MESSAGE_H_
#define RECSAE_SERVICES_EXPLAINER_CALLS_EXPLANATION_MESSAGE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "services/explainer/attribution/attribution.h"
#include "services/explainer/attribution/personal.h"
#include "services/explainer/attribution/reasons.h"
#include "services/explainer/attribution/sentence.h"
#include "services/explainer/backend/backend.h"
#include "services/explainer/backend/history_weighing.h"
#include "services/explainer/labeling/term_truth.h"

namespace recsae::explainer::v1 {
class ActiveGroup;
class Explanation;
class ReasonItem;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

// The active latents of one activation by what they mean, in the order of their strongest.
struct ActiveGroups {
  struct Group {
    int32_t lead = 0;
    std::vector<int> places;  // of its active latents in the code
    double correlation = 0;
    bool verified = false;
  };
  std::vector<Group> groups;
  std::vector<ToldGroup> told;       // of each
  std::vector<SetTerms> terms;       // of each: what its description says of items
  std::vector<LatentGroup> members;  // of each: active or not
};

// `latents`: the code of an activation of the SAE. A latent without a concept is a group of its
// own.
ActiveGroups GroupsOf(const Backend& backend, const std::string& sae,
                      absl::Span<const sae::LatentActivation> latents);

void WriteGroup(const ActiveGroups& groups, size_t index, v1::ActiveGroup* out);
void WriteReasonItem(const LoadedRecommender& recommender, int32_t item, v1::ReasonItem* out);

// What is known of one activation and its items, to be written.
struct ToldActivation {
  const LoadedRecommender* recommender = nullptr;  // null: no items
  const ActivationExplanation& explanation;
  const ActiveGroups& groups;
  std::optional<PersonalParts<std::vector<double>>> personal;
  const WeighedHistory* history = nullptr;  // null: no reasons
  HistoryEffects effects;
  std::map<int32_t, HistorySteps> steps;     // of items whose reasons were found stepwise
  const sae::SaeModel* scored_by = nullptr;  // the SAE, where scores follow from its latents
  // The item that others are contrasted with, and the parts of its score.
  std::optional<int32_t> than;
  std::optional<PersonalParts<double>> than_score;
};

void WriteExplanation(const Backend& backend, const std::string& sae, const ToldActivation& told,
                      v1::Explanation* out);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CALLS_EXPLANATION_MESSAGE_H_
