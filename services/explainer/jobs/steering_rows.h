// The rows of captures that an evaluation of steering works on.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_ROWS_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_ROWS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/jobs/job_runner.h"
#include "services/explainer/backend/hosted_runs.h"
#include "services/explainer/jobs/case_reader.h"
#include "services/explainer/steered/lists.h"
#include "services/explainer/steered/rows.h"

namespace recsae::explainer {

// What an evaluation of steering works on.
struct SteeringInputs {
  std::shared_ptr<const LoadedSae> sae;
  std::shared_ptr<const LoadedRecommender> recommender;
  // The capture whose users are measured first.
  std::vector<Source> sources;

  const PredictionHead& head() const { return *recommender->head; }
  bool at_inner_site() const { return !sae->probe_site.empty(); }
};

// The same as FindInputs of evaluate_sae.cc asks of captures: of the SAE's recommender and site,
// with cases, at the last position. The recommender has a prediction head.
absl::StatusOr<SteeringInputs> FindSteeringInputs(Backend& backend, const Caller& caller,
                                                  const std::string& sae,
                                                  const std::string& capture,
                                                  const CaptureNames& evidence);

struct DividedRows {
  // With a held-out item each; all figures are of them.
  SteeredRows measured;
  // Of other users: all that is chosen is chosen on them. Each has recommended items.
  SteeredRows describing;
  // Rows of the capture that have no held-out item, which are of no use to measure.
  int64_t without_target = 0;
  // Rows with one that were left out, for there are more than are measured.
  int64_t not_sampled = 0;
  // Whether the capture's own users were divided.
  bool divided = false;
};

// Most rows that are measured: fewer of large catalogues.
int64_t MostMeasuredRows(int64_t items, bool at_inner_site);
inline constexpr int64_t kMostDescribingRows = 8000;

// Reads all sources. FAILED_PRECONDITION (NO_HELD_OUT_ITEMS, TOO_FEW_USERS) where there is nothing
// to measure or to choose on.
absl::StatusOr<DividedRows> ReadSteeringRows(Backend& backend, const Caller& caller,
                                             JobContext& job, const SteeringInputs& inputs,
                                             uint64_t seed);

// Moves activations and sees what is recommended then. Not thread-safe.
class SteeredRuns {
 public:
  // `rows` and the others outlive it.
  SteeredRuns(Backend& backend, const Caller& caller, JobContext& job, const SteeringInputs& inputs,
              const SteeredRows& rows);

  // Each row's x + length * direction; an empty direction leaves it as it is.
  absl::StatusOr<Lists> Run(std::span<const double> direction, double length);

 private:
  absl::StatusOr<std::vector<float>> LeadOn(const std::vector<float>& moved);

  Backend& backend_;
  const Caller& caller_;
  JobContext& job_;
  const SteeringInputs& inputs_;
  const SteeredRows& rows_;
  std::vector<HostedQuery> queries_;  // at an inner site
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_ROWS_H_
