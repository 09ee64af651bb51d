// Batches of training rows: the epochs of a capture one after the other, read ahead on a thread
// where that means to wait for another process.
#ifndef RECSAE_SERVICES_TRAINER_ROWS_ROW_STREAM_H_
#define RECSAE_SERVICES_TRAINER_ROWS_ROW_STREAM_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/messages/tensor.h"
#include "services/trainer/rows/activation_source.h"
#include "services/trainer/rows/epoch_reader.h"

namespace recsae::trainer {

// [n, dim], and [n] what each row counts; null = 1 each.
struct WeightedRows : MatrixView {
  const float* weights = nullptr;
};

// Rows that lie one after the other, or, where `at` [rows] is not null, anywhere: row i at values +
// at[i] · dim. `weights` as above.
struct ScatteredRows {
  const float* values = nullptr;
  const int64_t* at = nullptr;
  int64_t rows = 0;
  const float* weights = nullptr;
};

// Next and NextScattered are called by one thread, Cancel by any.
class RowStream {
 public:
  RowStream(ActivationSource& source, const RowStreamOptions& options);
  ~RowStream();
  RowStream(const RowStream&) = delete;
  RowStream& operator=(const RowStream&) = delete;

  // The next `count` >= 1 rows, or fewer (at last none) at the end of the last epoch; batches go on
  // across epochs. They stay valid until the next call, and are not copied where they lie together
  // as they were read. Errors as EpochReader::Next; throws what reading ahead threw.
  absl::StatusOr<WeightedRows> Next(int64_t count);

  // The same rows as they lie, which spares the copy of rows in memory in an order of their own.
  absl::StatusOr<ScatteredRows> NextScattered(int64_t count);

  // Makes Next return CANCELLED soon.
  void Cancel();

 private:
  void ReadAhead();
  bool Push(RowChunk chunk);
  absl::StatusOr<RowChunk> Take();
  void Join(const ScatteredRows& rows);

  const RowStreamOptions options_;
  EpochReader epochs_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<RowChunk> ahead_;
  int64_t bytes_ahead_ = 0;
  bool cancelled_ = false;
  bool finished_ = false;  // the thread adds nothing more; why is in end_
  absl::Status end_;
  std::exception_ptr failure_;  // what reading threw

  RowChunk current_;           // used up to used_
  int64_t used_ = 0;           // rows
  std::vector<float> joined_;  // a batch that does not lie together
  std::vector<float> joined_weights_;
  std::thread thread_;  // none where rows are in memory
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_ROWS_ROW_STREAM_H_
