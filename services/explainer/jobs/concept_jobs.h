// The work of the jobs "build-concepts", "evaluate-sae" and "evaluate-steering": reads captures,
// computes, publishes.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_JOBS_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_JOBS_H_

#include <google/protobuf/any.pb.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/jobs/job_runner.h"
#include "services/explainer/backend/backend.h"

namespace recsae::explainer::v1 {
class BuildConceptsRequest;
class EvaluateSaeRequest;
class EvaluateSteeringRequest;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

inline constexpr char kBuildConcepts[] = "build-concepts";
inline constexpr char kEvaluateSae[] = "evaluate-sae";
inline constexpr char kEvaluateSteering[] = "evaluate-steering";

// With the defaults of this version in the place of what is 0.
v1::BuildConceptsRequest FilledIn(v1::BuildConceptsRequest request);
v1::EvaluateSteeringRequest FilledIn(v1::EvaluateSteeringRequest request);

// Whether the job could be done as things are now: everything that can be told before it runs.
absl::Status CheckBuildConcepts(Backend& backend, const Caller& caller,
                                const v1::BuildConceptsRequest& request);
absl::Status CheckEvaluateSae(Backend& backend, const Caller& caller,
                              const v1::EvaluateSaeRequest& request);
absl::Status CheckEvaluateSteering(Backend& backend, const Caller& caller,
                                   const v1::EvaluateSteeringRequest& request);

// Handlers for the JobRunner; the job's spec is the request. The results are a ConceptReport, an
// Evaluation and a SteeringEvaluation. A job that is taken up again starts over and stores every
// concept once.
absl::StatusOr<google::protobuf::Any> RunBuildConcepts(Backend& backend, JobContext& job);
absl::StatusOr<google::protobuf::Any> RunEvaluateSae(Backend& backend, JobContext& job);
absl::StatusOr<google::protobuf::Any> RunEvaluateSteering(Backend& backend, JobContext& job);

// INTERNAL (JOB_SPEC_UNKNOWN): the job's spec is not the request of `method`.
absl::Status SpecUnknown(const JobContext& job, absl::string_view method);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_JOBS_H_
