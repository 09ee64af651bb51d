// What every server tells Prometheus of itself beside its calls: memory, jobs, disk. The values are
// looked up when they are asked for.
#ifndef RECSAE_COMMON_PROCESS_PROCESS_METRICS_H_
#define RECSAE_COMMON_PROCESS_PROCESS_METRICS_H_

#include <string>
#include <vector>

namespace recsae {

class JobRunner;
class MemoryBudget;
class MetricsRegistry;

// All arguments must live as long as `metrics` is collected.

// recsae_memory_limit_bytes, recsae_memory_taken_bytes.
void AddMemoryMetrics(MetricsRegistry& metrics, const MemoryBudget& memory);

// recsae_jobs{kind,state}, for each registered kind and the states "pending" and "running", and
// recsae_job_oldest_pending_seconds. (Those of jobs that end are JobRunner's own.)
void AddJobMetrics(MetricsRegistry& metrics, const JobRunner& jobs);

// recsae_store_bytes{store}: the size of the files in "<data_dir>/<store>", for each of `stores`.
void AddStoreMetrics(MetricsRegistry& metrics, const std::string& data_dir,
                     const std::vector<std::string>& stores);

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_PROCESS_METRICS_H_
