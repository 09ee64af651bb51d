// Batches of training rows: the epochs of a capture one after the other, read ahead on a thread.
#ifndef RECSAE_SERVICES_TRAINER_ROW_STREAM_H_
#define RECSAE_SERVICES_TRAINER_ROW_STREAM_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/trainer/activation_source.h"

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
  int64_t position = 0;  // where to start
};

// Fill is called by one thread, Cancel by any.
class RowStream {
 public:
  RowStream(ActivationSource& source, const RowStreamOptions& options);
  ~RowStream();
  RowStream(const RowStream&) = delete;
  RowStream& operator=(const RowStream&) = delete;

  // The next rows into out, `count` of them, or fewer (at last none) at the end of the last epoch;
  // batches go on across epochs. Returns how many. DATA_LOSS (reason CAPTURE_TOO_SHORT) when a pass
  // ends before `rows` rows.
  absl::StatusOr<int64_t> Fill(int64_t count, std::vector<float>& out);

  // Makes Fill return CANCELLED soon.
  void Cancel();

 private:
  void ReadAhead();
  absl::Status ReadEpoch(int64_t epoch, int64_t start_row);
  absl::Status Push(std::vector<float> rows);

  ActivationSource& source_;
  const RowStreamOptions options_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<float>> ahead_;
  bool cancelled_ = false;
  bool finished_ = false;  // the thread adds nothing more; why is in end_
  absl::Status end_;
  std::unique_ptr<ActivationReader> reader_;

  std::vector<float> current_;  // taken from ahead_, used up to next_
  size_t next_ = 0;
  std::thread thread_;
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_ROW_STREAM_H_
