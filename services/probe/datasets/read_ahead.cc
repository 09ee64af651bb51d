#include "services/probe/datasets/read_ahead.h"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

namespace recsae::probe {
namespace {

// There are three pieces: one is read, one is ready, one is being filled.
constexpr size_t kPieceBytes = size_t{256} << 10;

}  // namespace

ReadAhead::ReadAhead(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error&) {
    // No thread: Read fills its pieces by itself.
  }
}

ReadAhead::~ReadAhead() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

bool ReadAhead::Fill(ByteSource& source, Piece* piece) {
  try {
    piece->bytes.resize(kPieceBytes);
    piece->size = source.Read(piece->bytes.data(), piece->bytes.size());
  } catch (...) {  // memory is short: whoever reads is told
    piece->thrown = std::current_exception();
    piece->size = 0;
    return false;
  }
  return piece->size.ok() && *piece->size > 0;
}

void ReadAhead::Run() {
  Piece piece;
  for (bool more = true; more;) {
    more = Fill(*source_, &piece);
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &ReadAhead::FreeOrStopping));
    if (stopping_) return;
    std::swap(next_, piece);
    full_ = true;
  }
}

absl::StatusOr<size_t> ReadAhead::Read(char* buffer, size_t size) {
  if (left_.empty() && !ended_) {
    if (thread_.joinable()) {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&full_));
      std::swap(next_, taken_);
      full_ = false;
    } else {
      Fill(*source_, &taken_);
    }
    ended_ = !taken_.size.ok() || *taken_.size == 0;
    if (taken_.thrown != nullptr) std::rethrow_exception(taken_.thrown);
    if (!ended_) left_ = absl::string_view(taken_.bytes).substr(0, *taken_.size);
  }
  if (ended_) return taken_.size;
  const size_t count = std::min(size, left_.size());
  std::memcpy(buffer, left_.data(), count);
  left_.remove_prefix(count);
  return count;
}

}  // namespace recsae::probe
