// The kinds of job that the probe runs: "train-recommender" and "capture-activations".
#ifndef RECSAE_SERVICES_PROBE_JOBS_JOBS_H_
#define RECSAE_SERVICES_PROBE_JOBS_JOBS_H_

#include "absl/status/statusor.h"

namespace google::protobuf {
class Any;
}  // namespace google::protobuf

namespace recsae {
class JobContext;
class MemoryBudget;
}  // namespace recsae

namespace recsae::probe {

class DatasetSource;
class HostedModels;
class Resources;
class TorchKinds;

inline constexpr char kTrainJob[] = "train-recommender";
inline constexpr char kCaptureJob[] = "capture-activations";

// What the jobs work with; all outlive the job runner's Stop.
struct JobEnvironment {
  Resources& resources;
  DatasetSource& datasets;
  HostedModels& models;
  const TorchKinds& torch;
  MemoryBudget& memory;
};

// Handlers for JobRunner::Register; specs are the packed TrainRecommenderRequest and
// CaptureActivationsRequest, results a Recommender and a Capture.
//
// Both start over when they are taken up again after a kill: nothing of them is visible before the
// one write that ends them, and what was written before it is removed. A job that was killed after
// that write finds its own work and succeeds.
absl::StatusOr<google::protobuf::Any> TrainRecommenderJob(JobEnvironment environment,
                                                          JobContext& job);
absl::StatusOr<google::protobuf::Any> CaptureActivationsJob(JobEnvironment environment,
                                                            JobContext& job);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_JOBS_JOBS_H_
