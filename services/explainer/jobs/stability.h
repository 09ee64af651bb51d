// How much of an SAE's dictionary other trainings find again: of each latent where concepts are
// built, and as a whole in an evaluation.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_STABILITY_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_STABILITY_H_

#include <google/protobuf/repeated_field.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/sae/matching.h"
#include "services/explainer/backend/backend.h"

namespace recsae::explainer::v1 {
class Evaluation;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

using ReferenceNames = google::protobuf::RepeatedPtrField<std::string>;

// At most 4 names of SAEs, none twice, none that of the SAE itself.
void CheckReferenceSaes(const ReferenceNames& names, const std::string& sae, BadRequest& bad);

// The reference SAEs, in the order of the request.
//   INVALID_ARGUMENT     RECOMMENDER_MISMATCH, PROBE_SITE_MISMATCH, DIMENSION_MISMATCH: no SAE of
//   the                        same activations; SAES_TOO_LARGE
//   FAILED_PRECONDITION  RECOMMENDER_CHANGED, as CheckIncarnation (capture_reader.h)
//   NOT_FOUND            SAE_NOT_FOUND, from the store
absl::StatusOr<std::vector<std::shared_ptr<const LoadedSae>>> FindReferences(
    Backend& backend, const Caller& caller, const ReferenceNames& names, const LoadedSae& sae);

// The latents of `reference` that those of `sae` are closest to, each taken once, within the memory
// budget.
absl::StatusOr<sae::Matching> MatchReference(Backend& backend, JobContext& job,
                                             const LoadedSae& sae, const LoadedSae& reference);

// Matches with each reference in turn, within the memory budget, and writes `stability`.
absl::Status WriteStability(Backend& backend, JobContext& job, const LoadedSae& sae,
                            const std::vector<std::shared_ptr<const LoadedSae>>& references,
                            v1::Evaluation& evaluation);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_STABILITY_H_
