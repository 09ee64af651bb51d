// What must stay free on the disk of a data directory, so that a server on a full disk can still
// delete, cancel, compact and start.
#ifndef RECSAE_COMMON_STORAGE_DISK_FLOOR_H_
#define RECSAE_COMMON_STORAGE_DISK_FLOOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace recsae {

// The default of --min-free-disk: this much, or an eighth of the disk at `path` where that is
// less.
inline constexpr int64_t kMinFreeDisk = int64_t{256} << 20;
int64_t DefaultMinFreeDisk(const std::string& path);

struct DiskFloorOptions {
  // The data directory; it need not be there yet.
  std::string path;
  // What writes leave free; 0 = no floor: only what RocksDB needs to go on.
  int64_t floor_bytes = 0;
  // Where free bytes are asked for. Null = the machine's file system.
  rocksdb::Env* env = nullptr;
  // Called when writes begin to be refused (false) and are taken again (true), one call at a time.
  std::function<void(bool writable, int64_t free_bytes)> on_change = nullptr;
};

// Thread-safe. Every database of the process asks it before a write (common/storage/database.h).
// The disk is looked at once a second, and sooner where writes come near the floor.
class DiskFloor {
 public:
  explicit DiskFloor(DiskFloorOptions options);
  DiskFloor(const DiskFloor&) = delete;
  DiskFloor& operator=(const DiskFloor&) = delete;

  // Before a write of so many bytes. RESOURCE_EXHAUSTED (STORE_FULL) if less than the floor would
  // be left. Says what is free without a look at the disk after each small write: what was let
  // through since the last look is taken off, twice, as it is written to a log and to tables.
  absl::Status CheckWrite(int64_t bytes);
  // A write was refused for good: by this floor, or for want of room that RocksDB itself needs.
  void NoteRefused();

  // Whether writes are taken, for readiness. False until there is the floor and a quarter more
  // free again, as RocksDB takes and gives back some by itself.
  bool writable();
  // Whether deletions should give back their room at once.
  bool tight();

  int64_t floor_bytes() const { return options_.floor_bytes; }
  // -1 where the file system cannot tell.
  int64_t free_bytes();
  // Writes refused since the start.
  int64_t refused() const { return refused_; }
  // Looks anew at the next question: room was made.
  void Forget();

 private:
  void LookLocked(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LookIfOldLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetWritableLocked(bool writable) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const DiskFloorOptions options_;
  std::atomic<int64_t> refused_ = 0;
  absl::Mutex mutex_;
  absl::Time looked_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int64_t free_ ABSL_GUARDED_BY(mutex_) = -1;
  // Bytes let through since the last look.
  int64_t since_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writable_ ABSL_GUARDED_BY(mutex_) = true;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_DISK_FLOOR_H_
