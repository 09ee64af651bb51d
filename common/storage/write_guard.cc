// What stands between a write and RocksDB: room on the disk, and what an error means.
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

void FailureKeeper::OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                                      rocksdb::Status* error) {
  // Compactions that find no room are tried again.
  if (error->severity() >= rocksdb::Status::Severity::kHardError) failed = true;
}

void FailureKeeper::OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/,
                                         rocksdb::Status /*error*/, bool* auto_recovery) {
  *auto_recovery = false;
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

absl::Status Database::Impl::Written(const rocksdb::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  const std::string what = absl::StrCat("write to ", path);
  if (!keeper->failed) return FromRocksDb(status, what);
  return FromRocksDb(status, absl::StrCat(what,
                                          " (nothing more is written to it until the server "
                                          "is started again)"));
}

}  // namespace recsae
