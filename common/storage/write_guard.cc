// What stands between a write and RocksDB: room on the disk, and a log that can be written.
#include <rocksdb/env.h>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/storage/database_impl.h"
#include "common/storage/rocksdb_status.h"

namespace recsae {
namespace {

// Bytes that stay free: for RocksDB's own files and the next start, and of these a part that
// deletions may use.
constexpr uint64_t kReservedBytes = 4 << 20;
constexpr uint64_t kReservedFromDeletions = 1 << 20;
// What a deletion may add (its change log, its response).
constexpr size_t kDeletionBytes = 256 << 10;
// With more there is room for the memory tables whatever they hold.
constexpr uint64_t kAmpleBytes = uint64_t{512} << 20;

}  // namespace

void LogKeeper::OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                                  rocksdb::Status* /*error*/) {
  if (reason != rocksdb::BackgroundErrorReason::kWriteCallback) return;
  log_switched = false;
  log_failed = true;
}

void LogKeeper::OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason,
                                     rocksdb::Status /*error*/, bool* auto_recovery) {
  if (reason == rocksdb::BackgroundErrorReason::kWriteCallback) *auto_recovery = false;
}

void LogKeeper::OnMemTableSealed(const rocksdb::MemTableInfo& info) {
  log_switched = true;
  if (info.cf_name == kDefaultFamily) armed = false;
}

absl::Status Database::Impl::CheckRoom(size_t bytes, bool makes_room) const {
  uint64_t free = 0;
  // Not every file system can tell.
  if (!env->GetFreeSpace(path, &free).ok() || free >= kAmpleBytes + bytes) return absl::OkStatus();
  uint64_t needed = kReservedFromDeletions + bytes;
  if (!makes_room || bytes > kDeletionBytes) {
    // What is in memory alone is written to tables some time.
    uint64_t in_memory = 0;
    db->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &in_memory);
    needed = kReservedBytes + bytes + in_memory;
  }
  if (free >= needed) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, "STORE_FULL",
               absl::StrCat("the disk of ", path, " is full: ", free, " bytes are free, ", needed,
                            " are needed; delete what is not used any more, or free some space"),
               {{"path", path}, {"free_bytes", absl::StrCat(free)}});
}

absl::Status Database::Impl::Prepare() {
  if (keeper->log_failed) {
    const absl::MutexLock lock(&resume_mutex);
    uint64_t entries = 0;
    db->GetAggregatedIntProperty(rocksdb::DB::Properties::kNumEntriesActiveMemTable, &entries);
    if (entries == 0 && !keeper->log_switched) {
      return Error(absl::StatusCode::kInternal, "STORE_ERROR",
                   absl::StrCat("the log of ", path, " could not be written: restart the server"),
                   {{"path", path}});
    }
    if (keeper->log_failed) {
      RECSAE_RETURN_IF_ERROR(FromRocksDb(db->Resume(), absl::StrCat("write to ", path)));
      keeper->log_failed = false;
    }
  }
  if (keeper->armed.exchange(true)) return absl::OkStatus();
  rocksdb::WriteOptions unlogged;
  unlogged.disableWAL = true;
  const rocksdb::Status status =
      db->Put(unlogged, *families.Find(kDefaultFamily), kMarkerKey, EncodeMarker(marker));
  if (!status.ok()) keeper->armed = false;
  return FromRocksDb(status, absl::StrCat("write to ", path));
}

}  // namespace recsae
