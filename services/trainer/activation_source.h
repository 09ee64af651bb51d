// Where training reads activations from: the probe, or memory in tests.
#ifndef RECSAE_SERVICES_TRAINER_ACTIVATION_SOURCE_H_
#define RECSAE_SERVICES_TRAINER_ACTIVATION_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/probe_messages/probe_messages.h"
#include "common/ranking/prediction_head.h"

namespace recsae {
class JobContext;
}  // namespace recsae

namespace recsae::trainer {

struct CaptureInfo {
  int64_t rows = 0;
  int dim = 0;
  bool has_cases = false;
};

// What the ranking by a recommender's activations is measured on.
struct RankingData {
  PredictionHead head;
  std::vector<HeldOut> cases;  // of each row
};

// Which rows of a capture to read, and in which order.
struct ReadOrder {
  struct Shuffle {
    uint64_t seed = 0;
    int64_t epoch = 0;
  };
  // Unset = stored order.
  std::optional<Shuffle> shuffle;
  // Only the first so many stored rows take part; > 0.
  int64_t row_limit = 0;
  // Rows of the order to skip.
  int64_t start_row = 0;
};

// One pass over a capture. Next is called by one thread; Cancel by any, and makes a Next that
// waits, and every later one, return CANCELLED soon.
class ActivationReader {
 public:
  virtual ~ActivationReader() = default;
  // Some of the next rows, [n, dim] row-major, all finite; empty at the end of the pass.
  virtual absl::StatusOr<std::vector<float>> Next() = 0;
  virtual void Cancel() = 0;
};

// Thread-safe.
class ActivationSource {
 public:
  virtual ~ActivationSource() = default;
  // Ends soon after the job is interrupted.
  virtual absl::StatusOr<CaptureInfo> Describe(const std::string& capture,
                                               const JobContext& job) = 0;
  // Of the first `rows` rows of a capture that has cases and activations of `dim` values. Ends soon
  // after the job is interrupted.
  virtual absl::StatusOr<RankingData> ReadRankingData(const std::string& capture, int64_t rows,
                                                      int dim, const JobContext& job) = 0;
  virtual std::unique_ptr<ActivationReader> Read(const std::string& capture, int dim,
                                                 const ReadOrder& order) = 0;
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_ACTIVATION_SOURCE_H_
