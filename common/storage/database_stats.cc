#include "common/storage/database_stats.h"

#include <rocksdb/db.h>

#include <algorithm>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/storage/database_impl.h"

namespace recsae {
namespace {

// Never destroyed: databases may close late.
struct OpenDatabases {
  absl::Mutex mutex;
  std::vector<const Database*> databases ABSL_GUARDED_BY(mutex);
};

OpenDatabases& AllOpen() {
  static auto* const open = new OpenDatabases;
  return *open;
}

int64_t Sum(rocksdb::DB& db, const std::string& property) {
  uint64_t value = 0;
  return db.GetAggregatedIntProperty(property, &value) ? static_cast<int64_t>(value) : 0;
}

// Of what all families share.
int64_t Single(rocksdb::DB& db, const std::string& property) {
  uint64_t value = 0;
  return db.GetIntProperty(property, &value) ? static_cast<int64_t>(value) : 0;
}

int64_t TableFiles(rocksdb::DB& db) {
  std::vector<rocksdb::LiveFileMetaData> files;
  db.GetLiveFilesMetaData(&files);
  return static_cast<int64_t>(files.size());
}

}  // namespace

DatabaseStats Database::Stats() const {
  using Properties = rocksdb::DB::Properties;
  const absl::StatusOr<std::shared_ptr<Engine>> engine = impl_->Use();
  if (!engine.ok()) return {.path = impl_->path};
  rocksdb::DB& db = *(*engine)->db;
  return {.path = impl_->path,
          .memtable_bytes = Sum(db, Properties::kCurSizeAllMemTables),
          .block_cache_bytes = Single(db, Properties::kBlockCacheUsage),
          .pending_compaction_bytes = Sum(db, Properties::kEstimatePendingCompactionBytes),
          .running_compactions = Single(db, Properties::kNumRunningCompactions),
          .background_errors = Single(db, Properties::kBackgroundErrors),
          .table_files = TableFiles(db)};
}

void Database::AddToStats(const Database* database) {
  const absl::MutexLock lock(&AllOpen().mutex);
  AllOpen().databases.push_back(database);
}

void Database::RemoveFromStats(const Database* database) {
  const absl::MutexLock lock(&AllOpen().mutex);
  std::erase(AllOpen().databases, database);
}

std::vector<DatabaseStats> StatsOfOpenDatabases() {
  const absl::MutexLock lock(&AllOpen().mutex);
  std::vector<DatabaseStats> stats;
  stats.reserve(AllOpen().databases.size());
  for (const Database* database : AllOpen().databases) stats.push_back(database->Stats());
  return stats;
}

}  // namespace recsae
