// The jobs "train-sae" and "train-saes": capture in, published SAEs out.
#ifndef RECSAE_SERVICES_TRAINER_RUN_TRAIN_JOB_H_
#define RECSAE_SERVICES_TRAINER_RUN_TRAIN_JOB_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/budget/memory_budget.h"

namespace google::protobuf {
class Any;
}  // namespace google::protobuf

namespace recsae {
class JobContext;
}  // namespace recsae

namespace recsae::trainer {

class ActivationSource;
class SaePublisher;

inline constexpr char kTrainSaeKind[] = "train-sae";
inline constexpr char kTrainSaesKind[] = "train-saes";

// What the jobs work with; all of it outlives them.
struct TrainJobEnvironment {
  ActivationSource* source = nullptr;
  SaePublisher* publisher = nullptr;
  // Captures of at most so many bytes are held in memory while a job trains on them, if there is
  // room for them.
  int64_t cache_bytes = 0;
  // What jobs take, before they do.
  MemoryBudget* memory = &MemoryBudget::Unlimited();
  // Called with the rows of each step, once for each SAE.
  std::function<void(int64_t)> count_rows = [](int64_t) {};
};

// Runs a job whose spec is a TrainSaeRequest or a TrainSaesRequest, from its checkpoint if there is
// one, and returns a TrainSaeResult or a TrainSaesResult. The same request on the same rows gives
// the same weights to the bit, however often the job was stopped in between; where rows repeat, it
// matters whether they fit the cache when the job starts. Fails with
//   NOT_FOUND            CAPTURE_NOT_FOUND
//   FAILED_PRECONDITION  CAPTURE_EMPTY, CAPTURE_CONSTANT (no variance); for the capture of an early
//                        stop also CAPTURE_WITHOUT_CASES, CAPTURE_WITHOUT_TARGETS,
//                        NO_PREDICTION_HEAD
//   INVALID_ARGUMENT     INVALID_REQUEST, RECOMMENDER_MISMATCH, DIMENSION_MISMATCH: a configuration
//                        does not fit the capture
//   ALREADY_EXISTS       SAE_EXISTS
//   RESOURCE_EXHAUSTED   MEMORY_BUDGET, OUT_OF_MEMORY
//   UNAVAILABLE          PEER_UNAVAILABLE   after some time of retries
//   DATA_LOSS            CHECKPOINT_DAMAGED
//   INTERNAL             TRAINING_DIVERGED  a loss is no longer finite
absl::StatusOr<google::protobuf::Any> RunTrainJob(const TrainJobEnvironment& environment,
                                                  JobContext& job);

// FAILED_PRECONDITION (reason CAPTURE_EMPTY).
absl::Status CaptureEmpty(absl::string_view capture);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_TRAIN_JOB_H_
