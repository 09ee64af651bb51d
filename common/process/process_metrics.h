// What every server tells Prometheus of itself beside its calls: memory, jobs, disk, backups. The
// values are looked up when they are asked for.
#ifndef RECSAE_COMMON_PROCESS_PROCESS_METRICS_H_
#define RECSAE_COMMON_PROCESS_PROCESS_METRICS_H_

#include <string>
#include <vector>

namespace recsae {

class Backups;
class DiskFloor;
class JobRunner;
class MemoryBudget;
class MetricsRegistry;

// All arguments must live as long as `metrics` is collected.

// recsae_memory_limit_bytes, recsae_memory_taken_bytes.
void AddMemoryMetrics(MetricsRegistry& metrics, const MemoryBudget& memory);

// recsae_jobs{kind,state}, for each registered kind and the states "pending" and "running".
void AddJobMetrics(MetricsRegistry& metrics, const JobRunner& jobs);

// recsae_store_bytes{store}: the size of the files in "<data_dir>/<store>", for each of `stores`.
void AddStoreMetrics(MetricsRegistry& metrics, const std::string& data_dir,
                     const std::vector<std::string>& stores);

// recsae_disk_free_bytes, recsae_disk_floor_bytes, recsae_store_writes_refused_total.
void AddDiskMetrics(MetricsRegistry& metrics, DiskFloor& floor);

// recsae_backup_last_success_seconds.
void AddBackupMetrics(MetricsRegistry& metrics, const Backups& backups);

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_PROCESS_METRICS_H_
