#include "common/storage/reclaimer.h"

#include <rocksdb/db.h>

#include <cstddef>
#include <utility>

#include "common/storage/database_impl.h"
#include "common/storage/keys.h"

namespace recsae {
namespace {

// Those before have most likely been compacted since.
constexpr size_t kMostRanges = 1024;

}  // namespace

Reclaimer::Reclaimer(Use use, std::function<void()> done)
    : use_(std::move(use)), done_(std::move(done)) {}

Reclaimer::~Reclaimer() {
  stopping_ = true;
  std::thread thread;
  {
    const absl::MutexLock lock(&mutex_);
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

void Reclaimer::Note(std::vector<DeletedRange> ranges) {
  const absl::MutexLock lock(&mutex_);
  for (DeletedRange& range : ranges) noted_.push_back(std::move(range));
  if (noted_.size() > kMostRanges) {
    noted_.erase(noted_.begin(), noted_.end() - static_cast<ptrdiff_t>(kMostRanges));
  }
}

void Reclaimer::Begin(bool flush) {
  const absl::MutexLock lock(&mutex_);
  if ((noted_.empty() && !flush) || stopping_) return;
  wanted_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
}

bool Reclaimer::Wait(absl::Duration limit) {
  const absl::MutexLock lock(&mutex_);
  if (!wanted_ && !working_) return false;
  const auto idle = [this]()
                        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !wanted_ && !working_; };
  mutex_.AwaitWithTimeout(absl::Condition(&idle), limit);
  return true;
}

void Reclaimer::Run() {
  const auto called = [this]()
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return wanted_ || stopping_; };
  while (true) {
    std::vector<DeletedRange> ranges;
    {
      const absl::MutexLock lock(&mutex_);
      // Time and again, as whoever stops it does not hold the lock.
      while (!mutex_.AwaitWithTimeout(absl::Condition(&called), absl::Milliseconds(50))) {
      }
      if (stopping_) return;
      ranges.swap(noted_);
      wanted_ = false;
      working_ = true;
    }
    if (const auto engine = use_(); engine.ok()) Compact(**engine, ranges);
    done_();
    const absl::MutexLock lock(&mutex_);
    working_ = false;
  }
}

// The families share their logs: all of them are written to tables before one goes. Errors are
// RocksDB's own business: what was not compacted now is so later.
void Reclaimer::Compact(Engine& engine, const std::vector<DeletedRange>& ranges) {
  rocksdb::DB& db = *engine.db;
  rocksdb::FlushOptions flush;
  flush.allow_write_stall = true;
  if (!db.Flush(flush, engine.families.handles).ok()) return;
  rocksdb::CompactRangeOptions compact;
  compact.exclusive_manual_compaction = false;
  compact.canceled = &stopping_;
  for (const DeletedRange& range : ranges) {
    if (stopping_) return;
    const auto family = engine.families.Find(range.family);
    if (!family.ok()) continue;
    const std::string end = PrefixEnd(range.prefix);
    const rocksdb::Slice first(range.prefix);
    const rocksdb::Slice last(end);
    db.CompactRange(compact, *family, range.prefix.empty() ? nullptr : &first,
                    end.empty() ? nullptr : &last)
        .PermitUncheckedError();
  }
}

}  // namespace recsae
