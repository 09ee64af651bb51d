// What makes the figures of an evaluation doubtful, in words.
#ifndef RECSAE_SERVICES_EXPLAINER_EVALUATION_EVALUATION_WARNINGS_H_
#define RECSAE_SERVICES_EXPLAINER_EVALUATION_EVALUATION_WARNINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/ranking/candidates.h"

namespace recsae::explainer {

// Of the rows with a held-out item: what they have to choose from, and how many ask for an item of
// their own history (`seen`). A sentence each, none where nothing is doubtful.
std::vector<std::string> RankingWarnings(const CandidateCounts& candidates, int64_t seen);

// Of the reconstruction: `fvu` on all rows, and how many of the latents fire on none.
std::vector<std::string> ReconstructionWarnings(double fvu, int latents, int dead);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_EVALUATION_EVALUATION_WARNINGS_H_
