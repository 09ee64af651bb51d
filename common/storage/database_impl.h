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

// Keeps RocksDB from going on by itself after a write has failed, and knows of it. RocksDB 7.8 may
// wait without end while it goes on: a flush that was asked for, and not begun or not ended because
// of the error, is never begun again. And where one of its flushes fails then, the next start finds
// of a batch what went to the families that were not flushed. A start has neither fault.
class FailureKeeper : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status error,
                            bool* auto_recovery) override;

  // RocksDB takes no more writes.
  std::atomic<bool> failed = false;
};

struct Database::Impl {
  std::string path;
  rocksdb::Env* env = nullptr;
  Marker marker;
  bool sync = true;
  std::shared_ptr<FailureKeeper> keeper = std::make_shared<FailureKeeper>();
  std::unique_ptr<rocksdb::DB> db;
  Families families;

  ~Impl();
  // RESOURCE_EXHAUSTED (STORE_FULL) while there is room for what makes room alone.
  absl::Status CheckRoom(size_t bytes, bool makes_room) const;
  // What a write came to.
  absl::Status Written(const rocksdb::Status& status) const;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_DATABASE_IMPL_H_
