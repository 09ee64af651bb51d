// Which concepts words are about, and which of them are active in a subject.
#ifndef RECSAE_SERVICES_EXPLAINER_CALLS_CONCEPT_CHOICE_H_
#define RECSAE_SERVICES_EXPLAINER_CALLS_CONCEPT_CHOICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/sae/codes.h"
#include "common/sae/model.h"
#include "services/explainer/backend/backend.h"
#include "services/explainer/steering/group_direction.h"

namespace recsae::explainer {

// The latents of a code, strongest first, with their concepts where they have one.
std::vector<NamedLatent> ActiveLatents(const Backend& backend, const std::string& sae,
                                       absl::Span<const sae::LatentActivation> code);

struct FoundConcepts {
  // What matches the words as well as the best match does, best first; at most 100.
  std::vector<NamedLatent> best;
  // Of the active latents, all that match as well, strongest first; each with its concept.
  std::vector<NamedLatent> active;
  // Of what was found by meaning, how near the nearest is (cosine); absent where words decided.
  std::optional<double> by_meaning;
};

// As SearchConcepts finds them; nothing where no concept has any of the words, nor is nearer to
// their meaning than concepts are to one another. The nearest by meaning says which words are
// meant, and those find the concepts.
absl::StatusOr<FoundConcepts> FindConcepts(Backend& backend, const Caller& caller,
                                           const std::string& sae, const std::string& words,
                                           absl::Span<const NamedLatent> active,
                                           bool words_only = false);

// The latents of a group, ascending, each with its concept; empty for a latent that leads none.
std::vector<NamedLatent> GroupLedBy(const Backend& backend, const std::string& sae, int32_t lead);

// The latents of the group that a concept belongs to, itself at least.
std::vector<NamedLatent> GroupOf(const Backend& backend, const std::string& sae,
                                 const NamedLatent& member);

// Each by its statistics.
std::vector<LatentFiring> FiringOfGroup(absl::Span<const NamedLatent> group);

// For people: those active concepts whose directions are nearest to a latent's, or that there are
// none.
std::string NearestActive(const sae::SaeModel& model, int32_t latent,
                          absl::Span<const NamedLatent> active);

// For people: the strongest of them; empty where nothing is active.
std::string StrongestActive(absl::Span<const NamedLatent> active);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CALLS_CONCEPT_CHOICE_H_
