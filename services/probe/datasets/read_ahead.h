// Unpacks a file while what came of it is read.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_READ_AHEAD_H_
#define RECSAE_SERVICES_PROBE_DATASETS_READ_AHEAD_H_

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "services/probe/datasets/byte_source.h"

namespace recsae::probe {

// Hands out the bytes of another source, which a thread of its own reads a piece ahead: unpacking
// takes as long as reading does. Errors, and exceptions, are the other source's, at their place.
// Where there is no thread to be had it reads by itself.
class ReadAhead : public ByteSource {
 public:
  explicit ReadAhead(std::unique_ptr<ByteSource> source);
  ~ReadAhead() override;  // waits for the piece that is being read

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override;

 private:
  // What one Read gave: bytes, the end, an error or an exception.
  struct Piece {
    std::string bytes;
    absl::StatusOr<size_t> size = 0;
    std::exception_ptr thrown;
  };

  static bool Fill(ByteSource& source, Piece* piece);  // false: nothing comes after it
  void Run();
  bool FreeOrStopping() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !full_ || stopping_; }

  std::unique_ptr<ByteSource> source_;  // the thread's
  Piece taken_;
  absl::string_view left_;  // of taken_, to be handed out
  bool ended_ = false;
  absl::Mutex mutex_;
  Piece next_ ABSL_GUARDED_BY(mutex_);
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_READ_AHEAD_H_
