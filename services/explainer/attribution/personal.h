// Splits scores into what everyone gets and what is particular to one user.
#ifndef RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_PERSONAL_H_
#define RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_PERSONAL_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/ranking/prediction_head.h"
#include "common/sae/model.h"

namespace recsae::explainer {

// Means over users, in the recommender's units.
struct BaselineMeans {
  std::vector<float> activation;      // [d]
  std::vector<float> reconstruction;  // [d]
};

// A latent and its mean activation over users, firing or not.
struct MeanLatent {
  int32_t latent = 0;
  double mean = 0;
};
// Latents that are told as one: those that are active, and those of the same meaning that are not.
using LatentGroup = std::vector<MeanLatent>;

// Something split into parts, each a number (of a score) or a direction [d] (of an activation):
//   whole = everyone + sum of groups + absent + unexplained
template <typename Part>
struct PersonalParts {
  // The mean over users.
  Part everyone{};
  // For each group, what its latents are above or below their means.
  std::vector<Part> groups;
  // The same of all latents in no group: what others have, and this user lacks.
  Part absent{};
  // The SAE's error, less its mean.
  Part unexplained{};
};

// Splits an activation [d] with the code `code`; no latent is in two groups, and every active one
// is in one. Summed in double, so that the parts add up to `x`. Thread-safe.
PersonalParts<std::vector<double>> SplitActivation(const sae::SaeModel& sae,
                                                   absl::Span<const float> x,
                                                   absl::Span<const sae::LatentActivation> code,
                                                   absl::Span<const LatentGroup> groups,
                                                   const BaselineMeans& baseline);

// The parts of an item's score; its own bias is everyone's. Thread-safe.
PersonalParts<double> SplitScore(const PersonalParts<std::vector<double>>& activation,
                                 const PredictionHead& head, int32_t item);

// What the user has beyond everyone: groups + absent + unexplained.
double Own(const PersonalParts<double>& score);

// Of what is personal in a score, the share that goes through concepts: |groups + absent| against
// |unexplained|, 0 to 1; 0 where nothing is personal.
double ConceptShare(const PersonalParts<double>& score);

// How the parts of two scores differ: a - b. Both of one activation.
PersonalParts<double> Difference(const PersonalParts<double>& a, const PersonalParts<double>& b);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_ATTRIBUTION_PERSONAL_H_
