// What every server tells Prometheus of itself beside its calls: memory, jobs, disk, connections,
// backups. The values are looked up when they are asked for.
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
struct ConnectionCounts;

// All arguments must live as long as `metrics` is collected.

// recsae_memory_limit_bytes, recsae_memory_taken_bytes.
void AddMemoryMetrics(MetricsRegistry& metrics, const MemoryBudget& memory);

// recsae_jobs{kind,state}, for each registered kind and the states "pending" and "running", and
// recsae_job_oldest_pending_seconds. (Those of jobs that end are JobRunner's own.)
void AddJobMetrics(MetricsRegistry& metrics, const JobRunner& jobs);

// recsae_store_bytes{store}: the size of the files in "<data_dir>/<store>", for each of `stores`.
void AddStoreMetrics(MetricsRegistry& metrics, const std::string& data_dir,
                     const std::vector<std::string>& stores);

// recsae_connections, recsae_connections_refused_total{reason}, and
// recsae_connections_silent_closed_total.
void AddConnectionMetrics(MetricsRegistry& metrics, const ConnectionCounts& connections);

// recsae_certificate_expiry_seconds{file}: when the first certificate of each of `files` expires,
// as Unix time, looked at again at each scrape. Empty names are passed over; one that cannot be
// read is 0.
void AddCertificateMetrics(MetricsRegistry& metrics, const std::vector<std::string>& files);

// recsae_disk_free_bytes, recsae_disk_floor_bytes, recsae_store_writes_refused_total.
void AddDiskMetrics(MetricsRegistry& metrics, DiskFloor& floor);

// recsae_backup_last_success_seconds.
void AddBackupMetrics(MetricsRegistry& metrics, const Backups& backups);

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_PROCESS_METRICS_H_
