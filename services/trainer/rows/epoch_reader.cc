#include "services/trainer/rows/epoch_reader.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::trainer {

EpochReader::EpochReader(ActivationSource& source, const RowStreamOptions& options)
    : source_(source),
      options_(options),
      epoch_(options.position / options.rows),
      row_(options.position % options.rows) {}

absl::StatusOr<RowChunk> EpochReader::Next(int64_t wanted) {
  while (epoch_ < options_.epochs) {
    RECSAE_ASSIGN_OR_RETURN(ActivationReader* const reader, Open());
    RECSAE_ASSIGN_OR_RETURN(RowChunk chunk, reader->Next(wanted));
    row_ += chunk.rows.rows;
    if (chunk.rows.rows > 0) return chunk;
    RECSAE_RETURN_IF_ERROR(EndEpoch());
  }
  return RowChunk();
}

absl::StatusOr<ActivationReader*> EpochReader::Open() {
  const absl::MutexLock lock(&mutex_);
  if (cancelled_) return ReadCancelled();
  if (reader_ == nullptr) {
    ReadOrder order;
    if (options_.shuffled) order.shuffle = {options_.seed, epoch_};
    order.row_limit = options_.rows;
    order.start_row = row_;
    reader_ = source_.Read(options_.capture, options_.dim, order);
  }
  return reader_.get();
}

absl::Status EpochReader::EndEpoch() {
  if (row_ != options_.rows) {
    return Error(absl::StatusCode::kDataLoss, "CAPTURE_TOO_SHORT",
                 absl::StrCat(options_.capture, " ended after ", row_, " of ", options_.rows,
                              " rows; capture it again and train on the new capture"),
                 {{"capture", options_.capture}});
  }
  row_ = 0;
  ++epoch_;
  const absl::MutexLock lock(&mutex_);
  reader_ = nullptr;
  return absl::OkStatus();
}

void EpochReader::Cancel() {
  const absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (reader_ != nullptr) reader_->Cancel();
}

}  // namespace recsae::trainer
