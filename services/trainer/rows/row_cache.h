// A capture held in memory while a job trains on it, so that each epoch need not be sent again, and
// so that rows that are the same are held, and trained on, as one with a weight.
#ifndef RECSAE_SERVICES_TRAINER_ROWS_ROW_CACHE_H_
#define RECSAE_SERVICES_TRAINER_ROWS_ROW_CACHE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/trainer/rows/activation_source.h"

namespace recsae {
class JobContext;
}  // namespace recsae

namespace recsae::trainer {

// Rows of an epoch over a capture that has more, but fewer distinct ones. Steps are what trains,
// and so many rows make enough of them; more repetitions of the same rows would only take time.
inline constexpr int64_t kEpochRows = int64_t{1} << 19;

// Thread-safe.
class RowCache {
 public:
  // Reads the first `rows` rows of the capture from `source`, which must outlive what is returned.
  // `progress` is called with the rows read. Ends soon after the job is interrupted; errors as
  // RowStream::Next.
  static absl::StatusOr<std::unique_ptr<RowCache>> Load(
      ActivationSource& source, const std::string& capture, int dim, int64_t rows,
      const JobContext& job, const std::function<void(int64_t)>& progress);

  // Bytes that Load takes at most for so many rows, and those that are held after it.
  static int64_t MostBytes(int64_t rows, int dim);
  int64_t bytes() const { return bytes_; }

  // Different rows, by their bytes. Where there are as many as rows, readers of both sources send
  // the rows in the very orders that the source would send them in, without weights.
  int64_t distinct_rows() const { return distinct_rows_; }
  // Rows of an epoch of epochs(): about kEpochRows, but at least distinct_rows() and at most the
  // capture's.
  int64_t epoch_rows() const { return epoch_rows_; }

  // The capture's distinct rows, each weighing as many rows as it stands for; in stored order that
  // of their first ones. Everything else than its first distinct_rows() rows is read from the
  // source.
  ActivationSource& distinct() { return *distinct_; }
  // The capture as epoch_rows() rows: with s = min(1, max(kEpochRows, distinct_rows()) / N), a
  // distinct row that stands for c of the capture's N rows comes m = max(1, round(c s)) times an
  // epoch, each time with the weight (c / m) (epoch_rows() / N). So a sum over an epoch is that
  // over the capture times epoch_rows() / N, weights are 1 on average, and none is above 3: a row
  // that stands for many comes often rather than with a weight that single steps could not bear.
  ActivationSource& epochs() { return *epochs_; }

 private:
  RowCache() = default;

  int64_t distinct_rows_ = 0;
  int64_t epoch_rows_ = 0;
  int64_t bytes_ = 0;
  std::unique_ptr<ActivationSource> distinct_, epochs_;
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_ROWS_ROW_CACHE_H_
