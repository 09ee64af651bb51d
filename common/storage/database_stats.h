// How the databases of a process are, for metrics.
#ifndef RECSAE_COMMON_STORAGE_DATABASE_STATS_H_
#define RECSAE_COMMON_STORAGE_DATABASE_STATS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace recsae {

// Of one database, all its families together, as RocksDB tells it.
struct DatabaseStats {
  std::string path;
  int64_t memtable_bytes = 0;  // writes that are in memory and in the log, not in tables yet
  int64_t block_cache_bytes = 0;
  int64_t pending_compaction_bytes = 0;  // what compactions would have to read, an estimate
  int64_t running_compactions = 0;
  int64_t background_errors = 0;  // flushes and compactions that failed since it was opened
  int64_t table_files = 0;
};

// Of each Database that is open. Quick. Thread-safe.
std::vector<DatabaseStats> StatsOfOpenDatabases();

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_DATABASE_STATS_H_
