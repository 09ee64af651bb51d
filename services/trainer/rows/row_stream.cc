#include "services/trainer/rows/row_stream.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "common/base/status.h"
#include "common/base/trace.h"

namespace recsae::trainer {
namespace {

// Kept ready: some hundredths of a second of fast training, so that a reader that fetches its next
// rows from a disk need not be waited for.
constexpr int64_t kBytesAhead = int64_t{16} << 20;

int64_t BytesOf(const RowChunk& chunk) {
  return chunk.rows.size() * static_cast<int64_t>(sizeof(float));
}

}  // namespace

RowStream::RowStream(ActivationSource& source, const RowStreamOptions& options)
    : options_(options), epochs_(source, options) {
  if (source.in_memory()) return;
  thread_ = std::thread([this, trace = CurrentTrace()] {
    const TraceScope scope(trace);
    ReadAhead();
  });
}

RowStream::~RowStream() {
  Cancel();
  if (thread_.joinable()) thread_.join();
}

void RowStream::Cancel() {
  epochs_.Cancel();
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

void RowStream::ReadAhead() {
  absl::Status end;
  std::exception_ptr failure;
  try {
    while (true) {
      absl::StatusOr<RowChunk> chunk = epochs_.Next(options_.batch_rows);
      end = chunk.status();
      if (!end.ok() || chunk->rows.rows == 0 || !Push(*std::move(chunk))) break;
    }
  } catch (...) {  // Nothing above this thread would take it.
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  finished_ = true;
  failure_ = failure;
  end_ = end;
  changed_.notify_all();
}

// False once nobody wants more.
bool RowStream::Push(RowChunk chunk) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return cancelled_ || bytes_ahead_ < kBytesAhead; });
  bytes_ahead_ += BytesOf(chunk);
  ahead_.push_back(std::move(chunk));
  changed_.notify_all();
  return !cancelled_;
}

// The next chunk that was read ahead; one without rows at the end.
absl::StatusOr<RowChunk> RowStream::Take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return cancelled_ || finished_ || !ahead_.empty(); });
  if (cancelled_) return ReadCancelled();
  if (ahead_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    RECSAE_RETURN_IF_ERROR(end_);
    return RowChunk();
  }
  RowChunk chunk = std::move(ahead_.front());
  ahead_.pop_front();
  bytes_ahead_ -= BytesOf(chunk);
  changed_.notify_all();
  return chunk;
}

absl::StatusOr<WeightedRows> RowStream::Next(int64_t count) {
  const int64_t dim = options_.dim;
  joined_.clear();
  joined_weights_.clear();
  while (true) {
    const int64_t missing = count - static_cast<int64_t>(joined_.size()) / dim;
    if (used_ == current_.rows.rows) {
      current_ = {};  // its memory can be used again
      used_ = 0;
      RECSAE_ASSIGN_OR_RETURN(current_, thread_.joinable() ? Take() : epochs_.Next(missing));
      if (current_.rows.rows == 0) break;
    }
    const int64_t take = std::min(missing, current_.rows.rows - used_);
    const float* from = current_.rows.data + used_ * dim;
    const float* weights = current_.weights != nullptr ? current_.weights + used_ : nullptr;
    used_ += take;
    if (take == count) return WeightedRows{{from, take, dim}, weights};
    joined_.insert(joined_.end(), from, from + take * dim);
    if (weights != nullptr) joined_weights_.insert(joined_weights_.end(), weights, weights + take);
    if (take == missing) break;
  }
  return WeightedRows{{joined_.data(), static_cast<int64_t>(joined_.size()) / dim, dim},
                      joined_weights_.empty() ? nullptr : joined_weights_.data()};
}

}  // namespace recsae::trainer
