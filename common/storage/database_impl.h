// What stands behind a Database. Internal to common/storage.
#ifndef RECSAE_COMMON_STORAGE_DATABASE_IMPL_H_
#define RECSAE_COMMON_STORAGE_DATABASE_IMPL_H_

#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/storage/database.h"
#include "common/storage/marker.h"
#include "common/storage/reclaimer.h"

namespace recsae {

inline rocksdb::Slice ToSlice(absl::string_view text) { return {text.data(), text.size()}; }

// Family names to RocksDB's handles.
class Families {
 public:
  std::vector<rocksdb::ColumnFamilyHandle*> handles;

  // INTERNAL (STORE_ERROR).
  absl::StatusOr<rocksdb::ColumnFamilyHandle*> Find(absl::string_view name) const;
};

inline constexpr char kMarkerKey[] = "store";
// What opening writes beside the logs that it moves into tables: a manifest and RocksDB's options.
inline constexpr uint64_t kOpeningBytes = 1 << 20;

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
  // For want of room, which may be had again.
  std::atomic<bool> no_space = false;
};

// An open RocksDB; closed when the last one that uses it lets go of it.
struct Engine {
  std::shared_ptr<FailureKeeper> keeper = std::make_shared<FailureKeeper>();
  std::unique_ptr<rocksdb::DB> db;
  Families families;

  ~Engine();
};

struct EngineOptions {
  // What the logs hold stays in memory and in them, so that one can start and delete with little
  // room.
  bool tight = false;
  // Leaves the tables as they are. For copies.
  bool compactions = true;
};

// Opens what is there, and makes what is not. Errors as Database::Open, of which it says neither
// whose the directory is nor whether there is room.
absl::StatusOr<std::shared_ptr<Engine>> OpenEngine(const std::string& path,
                                                   const DatabaseOptions& options,
                                                   const EngineOptions& how = {});
// Whether moving the logs at `path` into tables has too little room. RESOURCE_EXHAUSTED
// (STORE_FULL) if opening has.
absl::StatusOr<bool> CheckRoomToOpen(rocksdb::Env& env, const std::string& path);

struct Database::Impl {
  const std::string path;
  const DatabaseOptions options;
  rocksdb::Env* const env;
  Marker marker;

  Impl(const std::string& directory, const DatabaseOptions& opened);
  ~Impl();

  // For reading: also after a write has failed.
  absl::StatusOr<std::shared_ptr<Engine>> Use() const;
  // For writing: opens anew, at most once a second, what failed for want of room, once there is
  // room and nobody reads. RESOURCE_EXHAUSTED (STORE_FULL) until then.
  absl::StatusOr<std::shared_ptr<Engine>> UseForWriting() const;

  // RESOURCE_EXHAUSTED (STORE_FULL) unless there is room for so many bytes.
  absl::Status CheckRoom(const Engine& engine, size_t bytes, bool from_reserve);
  // What a write of `batch` came to.
  absl::Status Written(const Engine& engine, const rocksdb::Status& status,
                       const rocksdb::WriteBatch& batch);

  // A range was deleted, and its room may be given back.
  void Reclaim(std::vector<DeletedRange> ranges);

  mutable absl::Mutex mutex;
  // Null while, and after, opening anew has failed.
  mutable std::shared_ptr<Engine> engine ABSL_GUARDED_BY(mutex);
  mutable absl::Time tried ABSL_GUARDED_BY(mutex) = absl::InfinitePast();
  // Why there is no writing until the next start.
  mutable absl::Status lost ABSL_GUARDED_BY(mutex);
  // Batches that failed: the log may hold the last of them all the same.
  mutable std::vector<rocksdb::WriteBatch> doubtful ABSL_GUARDED_BY(mutex);
  std::unique_ptr<Reclaimer> reclaimer;

 private:
  absl::StatusOr<std::shared_ptr<Engine>> OpenAnew() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status CheckDoubtful() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status RoomForRocksDb(const Engine& engine, size_t bytes, bool from_reserve) const;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_DATABASE_IMPL_H_
