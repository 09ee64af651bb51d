// Where training reads activations from: the probe, or memory in tests.
#ifndef RECSAE_SERVICES_TRAINER_ROWS_ACTIVATION_SOURCE_H_
#define RECSAE_SERVICES_TRAINER_ROWS_ACTIVATION_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "common/math/row_order.h"
#include "common/messages/probe_messages.h"
#include "common/messages/tensor.h"
#include "common/ranking/prediction_head.h"

namespace recsae {
class JobContext;
}  // namespace recsae

namespace recsae::trainer {

struct CaptureInfo {
  int64_t rows = 0;
  int dim = 0;
  bool has_cases = false;
  std::string site{};             // probe site; empty = the vector just before scoring
  std::string recommender_uid{};  // of the recommender that it records; empty = not known
  std::string uid{};              // the capture's own; empty = not known
};

// What the ranking by a recommender's activations is measured on.
struct RankingData {
  PredictionHead head;
  std::vector<HeldOut> cases;  // of each row
};

// Which rows of a capture to read, and in which order.
struct ReadOrder {
  // Unset = stored order.
  std::optional<Shuffle> shuffle;
  // Only the first so many stored rows take part; > 0.
  int64_t row_limit = 0;
  // Rows of the order to skip.
  int64_t start_row = 0;
};

// Some rows that follow each other, [n, dim], all finite; valid as long as `owner` is held. Where
// `at` [n] is not null they lie anywhere, row i at rows.data + at[i] · dim.
struct RowChunk {
  MatrixView rows;
  std::shared_ptr<const void> owner;
  // [n]: what each row counts, for rows that stand for several; null = 1 each. Of one pass all
  // chunks have them or none.
  const float* weights = nullptr;
  const int64_t* at = nullptr;
};

// One pass over a capture. Next is called by one thread; Cancel by any, and makes a Next that
// waits, and every later one, return CANCELLED soon.
class ActivationReader {
 public:
  virtual ~ActivationReader() = default;
  // Some of the next rows, none at the end of the pass. `wanted` >= 1 is how many the caller could
  // use: more or fewer may come.
  virtual absl::StatusOr<RowChunk> Next(int64_t wanted) = 0;
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
  // Whether its readers never wait.
  virtual bool in_memory() const { return false; }
  virtual std::unique_ptr<ActivationReader> Read(const std::string& capture, int dim,
                                                 const ReadOrder& order) = 0;
};

// CANCELLED (reason READ_CANCELLED): what a cancelled reader answers.
inline absl::Status ReadCancelled() {
  return Error(absl::StatusCode::kCancelled, "READ_CANCELLED", "reading activations was cancelled");
}

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_ROWS_ACTIVATION_SOURCE_H_
