// The comparison of an SAE with untrained dictionaries, as part of an evaluation.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_COMPARISON_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_COMPARISON_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/jobs/job_runner.h"
#include "services/explainer/evidence/sample.h"
#include "services/explainer/jobs/case_reader.h"

namespace recsae::explainer::v1 {
class Evaluation;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

// The rows that dictionaries are compared on: those of the capture that is evaluated, as they are
// read for it, and then those of the evidence captures. Not thread-safe.
class ComparisonRows {
 public:
  // `recommender` outlives it.
  ComparisonRows(const LoadedRecommender& recommender, const LoadedSae& sae, uint64_t seed);

  void Add(absl::Span<const float> x, const probe::v1::Case& captured);
  absl::Status Read(Backend& backend, const Caller& caller, JobContext& job, const Source& source);

  const Sample& sample() const { return sample_; }

 private:
  const LoadedRecommender& recommender_;
  UserNumbers users_;
  Sample sample_;
};

// Compares, and writes dictionaries, comparison and verdicts of `evaluation`; where nothing can be
// compared, why. At an inner probe site by what was read last alone. The recommender must have a
// prediction head.
absl::Status WriteComparison(JobContext& job, uint64_t seed, const Sample& sample,
                             const LoadedSae& sae, const LoadedRecommender& recommender,
                             v1::Evaluation& evaluation);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_COMPARISON_H_
