// What stands behind a Database. Internal to common/storage.
#ifndef RECSAE_COMMON_STORAGE_DATABASE_IMPL_H_
#define RECSAE_COMMON_STORAGE_DATABASE_IMPL_H_

#include <rocksdb/db.h>
#include <rocksdb/listener.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/storage/database.h"
#include "common/storage/marker.h"

namespace recsae {

// Family names to RocksDB's handles.
class Families {
 public:
  std::vector<rocksdb::ColumnFamilyHandle*> handles;

  // INTERNAL (STORE_ERROR).
  absl::StatusOr<rocksdb::ColumnFamilyHandle*> Find(absl::string_view name) const;
};

inline constexpr char kMarkerKey[] = "store";

// Keeps RocksDB from going on by itself after a write to its log has failed. It does so in the
// background once there is space, and then writes behind the failure, which an assertion forbids
// in RocksDB as distributions build it, unless a memory table that is not empty made it begin
// another log. So one is never empty, and Database decides when to go on.
class LogKeeper : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status error,
                            bool* auto_recovery) override;
  void OnMemTableSealed(const rocksdb::MemTableInfo& info) override;

  std::atomic<bool> log_failed = false;
  // Whether another log was begun since, by an attempt to go on that failed later.
  std::atomic<bool> log_switched = false;
  // Whether the default family's memory table holds something.
  std::atomic<bool> armed = false;
};

struct Database::Impl {
  std::string path;
  rocksdb::Env* env = nullptr;
  Marker marker;
  bool sync = true;
  std::shared_ptr<LogKeeper> keeper = std::make_shared<LogKeeper>();
  absl::Mutex resume_mutex;
  std::unique_ptr<rocksdb::DB> db;
  Families families;

  ~Impl();
  // RESOURCE_EXHAUSTED (STORE_FULL) while there is room for what makes room alone.
  absl::Status CheckRoom(size_t bytes, bool makes_room) const;
  // Before each write: see LogKeeper.
  absl::Status Prepare();
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_DATABASE_IMPL_H_
