// The epochs of a capture one after the other, in the pieces in which its source hands them out.
#ifndef RECSAE_SERVICES_TRAINER_ROWS_EPOCH_READER_H_
#define RECSAE_SERVICES_TRAINER_ROWS_EPOCH_READER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/trainer/rows/activation_source.h"

namespace recsae::trainer {

// What to read. A position counts rows from the start of epoch 0; a pass over `rows` rows in stored
// order is one epoch without shuffling.
struct RowStreamOptions {
  std::string capture;
  int dim = 0;
  int64_t rows = 0;  // rows of the capture that take part
  int64_t epochs = 1;
  bool shuffled = true;
  uint64_t seed = 0;
  int64_t position = 0;    // where to start
  int64_t batch_rows = 1;  // rows that are usually asked for at a time
};

// Next is called by one thread, Cancel by any.
class EpochReader {
 public:
  EpochReader(ActivationSource& source, const RowStreamOptions& options);

  // Some of the next rows, at best `wanted` of them; none after the last epoch. DATA_LOSS (reason
  // CAPTURE_TOO_SHORT) when a pass ends before `rows` rows.
  absl::StatusOr<RowChunk> Next(int64_t wanted);

  // Makes Next, also one that waits, return CANCELLED soon.
  void Cancel();

 private:
  absl::StatusOr<ActivationReader*> Open();
  absl::Status EndEpoch();

  ActivationSource& source_;
  const RowStreamOptions options_;
  int64_t epoch_;
  int64_t row_;  // of the epoch, the next one

  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<ActivationReader> reader_;  // of the epoch; replaced under the mutex, for Cancel
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_ROWS_EPOCH_READER_H_
