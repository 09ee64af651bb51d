#include "common/process/resource_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/budget/memory_budget.h"
#include "common/rpc/metrics.h"
#include "common/rpc/told.h"
#include "common/storage/database_stats.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;

// What /proc says of this process; what it does not say stays 0.
struct ProcessUse {
  double cpu_seconds = 0;
  double start_ticks = 0;  // after the boot of the machine
  double threads = 0;
  double virtual_bytes = 0;
  double resident_bytes = 0;
  double open_fds = 0;
};

ProcessUse ReadProcessUse() {
  ProcessUse use;
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The second field is the program's name, in parentheses, and may hold anything.
  const size_t name_end = line.rfind(')');
  if (name_end != std::string::npos) {
    std::istringstream fields(line.substr(name_end + 1));
    std::vector<std::string> values{std::istream_iterator<std::string>(fields), {}};
    // Numbered from the third field on, as proc(5) numbers them from 1.
    const auto value = [&values](size_t field) {
      double number = 0;
      if (field - 3 < values.size()) (void)absl::SimpleAtod(values[field - 3], &number);
      return number;
    };
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    use.cpu_seconds = (value(14) + value(15)) / ticks;
    use.threads = value(20);
    use.start_ticks = value(22);
    use.virtual_bytes = value(23);
    use.resident_bytes = value(24) * static_cast<double>(sysconf(_SC_PAGESIZE));
  }
  std::error_code error;
  for (fs::directory_iterator fd("/proc/self/fd", error), end; !error && fd != end;
       fd.increment(error)) {
    ++use.open_fds;
  }
  use.open_fds = std::max(use.open_fds - 1, 0.0);  // without the one that looked
  return use;
}

// Seconds since 1970 at which the machine came up; 0 if unknown.
double BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

double MaxFds() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return limit.rlim_cur == RLIM_INFINITY ? -1 : static_cast<double>(limit.rlim_cur);
}

}  // namespace

void AddCacheMetrics(MetricsRegistry& metrics, const MemoryBudget& memory) {
  struct Cache {
    Gauge bytes;
    Told hits, misses;
  };
  const auto make = [&metrics](const std::string& name) -> Cache {
    const Labels labels = {{"cache", name}};
    return {
        metrics.GetGauge("recsae_cache_bytes", "What the cache holds of recsae_memory_taken_bytes.",
                         labels),
        Told(metrics.GetCounter("recsae_cache_hits_total",
                                "How often the cache was asked for what it had.", labels)),
        Told(metrics.GetCounter(
            "recsae_cache_misses_total",
            "How often the cache was asked for what it had not, which was then loaded.", labels))};
  };
  metrics.OnCollect([&memory, make, caches = std::map<std::string, Cache>()]() mutable {
    for (const CacheUse& use : memory.Caches()) {
      auto cache = caches.find(use.name);
      if (cache == caches.end()) cache = caches.emplace(use.name, make(use.name)).first;
      cache->second.bytes.Set(static_cast<double>(use.bytes));
      cache->second.hits.Set(static_cast<double>(use.hits));
      cache->second.misses.Set(static_cast<double>(use.misses));
    }
  });
}

void AddDatabaseMetrics(MetricsRegistry& metrics) {
  const auto show = [&metrics](const std::string& store, const char* what, const char* help,
                               int64_t value) {
    metrics.GetGauge(absl::StrCat("recsae_rocksdb_", what), help, {{"store", store}})
        .Set(static_cast<double>(value));
  };
  metrics.OnCollect([show] {
    for (const DatabaseStats& stats : StatsOfOpenDatabases()) {
      const std::string store = fs::path(stats.path).filename();
      show(store, "memtable_bytes", "Writes that are in memory and in the log, not in tables yet.",
           stats.memtable_bytes);
      show(store, "block_cache_bytes", "What is kept in memory of the tables.",
           stats.block_cache_bytes);
      show(store, "pending_compaction_bytes",
           "What compactions would have to rewrite, an estimate; if it only grows, writes come "
           "faster than the disk can take.",
           stats.pending_compaction_bytes);
      show(store, "running_compactions", "Compactions that are going on.",
           stats.running_compactions);
      show(store, "background_errors",
           "Flushes and compactions that failed since the server started. After one the store may "
           "take no more writes.",
           stats.background_errors);
      show(store, "table_files", "Tables on disk.", stats.table_files);
    }
  });
}

void AddProcessMetrics(MetricsRegistry& metrics) {
  metrics
      .GetGauge("process_start_time_seconds",
                "Start time of the process since the Unix epoch, in seconds.")
      .Set(BootTime() + ReadProcessUse().start_ticks / static_cast<double>(sysconf(_SC_CLK_TCK)));
  const Gauge threads = metrics.GetGauge("process_threads", "Number of threads of the process.");
  const Gauge virtual_bytes =
      metrics.GetGauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");
  const Gauge resident =
      metrics.GetGauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  const Gauge open_fds = metrics.GetGauge("process_open_fds", "Number of open file descriptors.");
  const Gauge max_fds =
      metrics.GetGauge("process_max_fds", "Most file descriptors that may be open; -1 = no limit.");
  Told cpu(metrics.GetCounter("process_cpu_seconds_total",
                              "Total user and system CPU time spent, in seconds."));
  metrics.OnCollect([=]() mutable {
    const ProcessUse use = ReadProcessUse();
    cpu.Set(use.cpu_seconds);
    threads.Set(use.threads);
    virtual_bytes.Set(use.virtual_bytes);
    resident.Set(use.resident_bytes);
    open_fds.Set(use.open_fds);
    max_fds.Set(MaxFds());
  });
}

}  // namespace recsae
