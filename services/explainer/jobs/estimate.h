// How much memory the explainer's jobs take.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_ESTIMATE_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_ESTIMATE_H_

#include <cstdint>

#include "common/sae/model.h"

namespace recsae::explainer {

// About the bytes that building concepts from so many rows holds at most, beside the SAE and the
// recommender: the cases with what they activate, and what is found out about each latent.
// Saturates.
int64_t BuildConceptsBytes(const sae::SaeModel& model, int64_t rows, int64_t items);

// The same for an evaluation: the rows, their codes and the attributes of what was recommended.
int64_t EvaluationBytes(const sae::SaeModel& model, int64_t rows, int64_t items);

// The same for comparing an SAE with untrained dictionaries: the sampled rows and their codes by
// the widest dictionary, what each latent has to do with each set of items, the sets themselves,
// and the probes of attributes.
int64_t ComparisonBytes(const sae::SaeModel& model, int64_t items);

// The same for evaluating steering: both samples of rows, what they are moved to and what is
// recommended then, the moments of lists, and a leak's probe.
int64_t EvaluateSteeringBytes(const sae::SaeModel& model, int64_t items, int64_t measured_rows,
                              int64_t describing_rows);

// The same for matching the latents of two SAEs: the cosines of all pairs, once more the other way
// round, and both dictionaries at length 1.
int64_t StabilityBytes(const sae::SaeModel& sae, const sae::SaeModel& reference);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_ESTIMATE_H_
