// The comparison of an SAE with untrained dictionaries, as part of an evaluation.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_COMPARISON_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_COMPARISON_H_

#include <vector>

#include "absl/status/status.h"
#include "common/jobs/job_runner.h"
#include "services/explainer/jobs/case_reader.h"

namespace recsae::explainer::v1 {
class Evaluation;
class EvaluateSaeRequest;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

// Reads `sources`, compares, and writes dictionaries, comparison and verdicts of `evaluation`;
// where nothing can be compared, why. The recommender must have a prediction head.
absl::Status WriteComparison(Backend& backend, const Caller& caller, JobContext& job,
                             const v1::EvaluateSaeRequest& request,
                             const std::vector<Source>& sources, const LoadedSae& sae,
                             const LoadedRecommender& recommender, v1::Evaluation& evaluation);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_COMPARISON_H_
