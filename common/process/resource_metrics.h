// What every server tells Prometheus of what it uses: caches, databases, the process. The values
// are looked up when they are asked for.
#ifndef RECSAE_COMMON_PROCESS_RESOURCE_METRICS_H_
#define RECSAE_COMMON_PROCESS_RESOURCE_METRICS_H_

namespace recsae {

class MemoryBudget;
class MetricsRegistry;

// All arguments must live as long as `metrics` is collected.

// recsae_cache_bytes{cache}, recsae_cache_hits_total, recsae_cache_misses_total, of each cache
// within `memory`.
void AddCacheMetrics(MetricsRegistry& metrics, const MemoryBudget& memory);

// recsae_rocksdb_*{store}, of each database that is open; it is named by its folder.
void AddDatabaseMetrics(MetricsRegistry& metrics);

// process_*, as the client libraries of Prometheus name them.
void AddProcessMetrics(MetricsRegistry& metrics);

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_RESOURCE_METRICS_H_
