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

// Copies the rows to where those of the batch lie one after the other.
void RowStream::Join(const ScatteredRows& rows) {
  const int64_t dim = options_.dim;
  if (rows.at == nullptr) {
    joined_.insert(joined_.end(), rows.values, rows.values + rows.rows * dim);
  } else {
    for (int64_t row = 0; row < rows.rows; ++row) {
      const float* from = rows.values + rows.at[row] * dim;
      joined_.insert(joined_.end(), from, from + dim);
    }
  }
  if (rows.weights == nullptr) return;
  joined_weights_.insert(joined_weights_.end(), rows.weights, rows.weights + rows.rows);
}

absl::StatusOr<ScatteredRows> RowStream::NextScattered(int64_t count) {
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
    ScatteredRows some;
    some.rows = std::min(missing, current_.rows.rows - used_);
    some.values = current_.rows.data + (current_.at == nullptr ? used_ * dim : 0);
    some.at = current_.at != nullptr ? current_.at + used_ : nullptr;
    some.weights = current_.weights != nullptr ? current_.weights + used_ : nullptr;
    used_ += some.rows;
    if (some.rows == count) return some;
    Join(some);
    if (some.rows == missing) break;
  }
  return ScatteredRows{joined_.data(), nullptr, static_cast<int64_t>(joined_.size()) / dim,
                       joined_weights_.empty() ? nullptr : joined_weights_.data()};
}

absl::StatusOr<WeightedRows> RowStream::Next(int64_t count) {
  RECSAE_ASSIGN_OR_RETURN(const ScatteredRows batch, NextScattered(count));
  if (batch.at == nullptr) {
    return WeightedRows{{batch.values, batch.rows, options_.dim}, batch.weights};
  }
  Join(batch);
  return WeightedRows{{joined_.data(), batch.rows, options_.dim}, batch.weights};
}

}  // namespace recsae::trainer
