#include "services/trainer/row_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status.h"

namespace recsae::trainer {
namespace {

// Messages of about 1 MiB kept ready.
constexpr size_t kChunksAhead = 4;

absl::Status Cancelled() {
  return Error(absl::StatusCode::kCancelled, "READ_CANCELLED", "reading activations was cancelled");
}

}  // namespace

RowStream::RowStream(ActivationSource& source, const RowStreamOptions& options)
    : source_(source), options_(options), thread_([this] { ReadAhead(); }) {}

RowStream::~RowStream() {
  Cancel();
  thread_.join();
}

void RowStream::Cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (reader_ != nullptr) reader_->Cancel();
  changed_.notify_all();
}

void RowStream::ReadAhead() {
  absl::Status status;
  int64_t start_row = options_.position % options_.rows;
  for (int64_t epoch = options_.position / options_.rows; epoch < options_.epochs; ++epoch) {
    status = ReadEpoch(epoch, start_row);
    if (!status.ok()) break;
    start_row = 0;
  }
  const std::lock_guard lock(mutex_);
  finished_ = true;
  end_ = status;
  changed_.notify_all();
}

absl::Status RowStream::ReadEpoch(int64_t epoch, int64_t start_row) {
  ReadOrder order;
  if (options_.shuffled) order.shuffle = {options_.seed, epoch};
  order.row_limit = options_.rows;
  order.start_row = start_row;
  ActivationReader* reader = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (cancelled_) return Cancelled();
    reader_ = source_.Read(options_.capture, options_.dim, order);
    reader = reader_.get();
  }
  int64_t row = start_row;
  while (true) {
    RECSAE_ASSIGN_OR_RETURN(std::vector<float> rows, reader->Next());
    if (rows.empty()) break;
    row += static_cast<int64_t>(rows.size()) / options_.dim;
    RECSAE_RETURN_IF_ERROR(Push(std::move(rows)));
  }
  if (row == options_.rows) return absl::OkStatus();
  return Error(absl::StatusCode::kDataLoss, "CAPTURE_TOO_SHORT",
               absl::StrCat(options_.capture, " ended after ", row, " of ", options_.rows,
                            " rows; capture it again and train on the new capture"),
               {{"capture", options_.capture}});
}

absl::Status RowStream::Push(std::vector<float> rows) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return cancelled_ || ahead_.size() < kChunksAhead; });
  if (cancelled_) return Cancelled();
  ahead_.push_back(std::move(rows));
  changed_.notify_all();
  return absl::OkStatus();
}

absl::StatusOr<int64_t> RowStream::Fill(int64_t count, std::vector<float>& out) {
  const auto wanted = static_cast<size_t>(count) * static_cast<size_t>(options_.dim);
  out.clear();
  while (out.size() < wanted) {
    if (next_ == current_.size()) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return cancelled_ || finished_ || !ahead_.empty(); });
      if (cancelled_) return Cancelled();
      if (ahead_.empty()) {
        RECSAE_RETURN_IF_ERROR(end_);
        break;
      }
      current_ = std::move(ahead_.front());
      ahead_.pop_front();
      next_ = 0;
      changed_.notify_all();
    }
    const size_t take = std::min(wanted - out.size(), current_.size() - next_);
    const auto from = current_.begin() + static_cast<int64_t>(next_);
    out.insert(out.end(), from, from + static_cast<int64_t>(take));
    next_ += take;
  }
  return static_cast<int64_t>(out.size()) / options_.dim;
}

}  // namespace recsae::trainer
