// What raising and removing a latent does to the items recommended to users who had no part in its
// description.
#ifndef SERVICES_EXPLAINER_VERIFICATION_CAUSAL_TEST_H_
#define SERVICES_EXPLAINER_VERIFICATION_CAUSAL_TEST_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ranking/prediction_head.h"
#include "services/explainer/evidence/described.h"
#include "services/explainer/evidence/dictionary.h"
#include "services/explainer/verification/history_pairs.h"

namespace recsae::explainer {

// Two items of the ten recommended: at one, too many random directions pass (docs/evidence.md).
inline constexpr double kLeastEffect = 0.2;
inline constexpr int kFewestPairs = 20;

// See CausalTest in concept_store.proto.
struct CausalResult {
  double share = 0;
  double raised_share = 0;
  double control_share = 0;
  double effect_low = 0;
  double removed_share = 0;
  double firing_share = 0;
  double removed_control_share = 0;
  double removal_low = 0;
  int users = 0;
  int pairs = 0;
  double pair_share = 0;
  bool passed = false;
};

struct CausalInputs {
  const Dictionary& dictionary;
  const SampledRows& rows;        // of users who are measured
  const sae::SparseCodes& codes;  // of these
  const ItemSets& sets;
  const PredictionHead& head;
  const HistoryPairs& pairs;
  std::span<const SetDescription> descriptions;
  // By latent, the lead of its group: latents that say the same are no control for each other.
  std::span<const int32_t> groups;
  // By latent: to what it is raised, and how often it fires.
  std::span<const float> levels;
  std::span<const int64_t> firings;
  uint64_t seed = 0;
};

// To what a latent is raised: the activation that a tenth of its firings exceed, of a signed
// dictionary of those firings that go with the description; negative where the description is of
// low activations, 0 where it never fires. `codes`: of some rows.
std::vector<float> RaisedLevels(const sae::SparseCodes& codes,
                                std::span<const SetDescription> descriptions, bool is_signed);

// One for each latent; without users for those without a description. Takes the first row of each
// of at most 200 users and at most 20,000 items (a random sample of larger catalogues), fewer for
// large dictionaries, so that some 10^10 operations are done at most.
absl::StatusOr<std::vector<CausalResult>> TestCauses(const CausalInputs& inputs, Alive alive);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_CAUSAL_TEST_H_
