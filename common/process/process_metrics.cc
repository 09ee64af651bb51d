#include "common/process/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/access/certificate.h"
#include "common/budget/memory_budget.h"
#include "common/jobs/job_runner.h"
#include "common/process/acceptor.h"
#include "common/rpc/metrics.h"
#include "common/storage/backup.h"
#include "common/storage/database_stats.h"
#include "common/storage/disk_floor.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;

constexpr char kJobsHelp[] =
    "Jobs that wait for a worker (pending) or are being worked on (running), by kind. Pending ones "
    "that do not become fewer want a higher --job-workers.";

constexpr char kStoreHelp[] =
    "Size of the files in the store's folder under --data-dir, the log of recent writes and files "
    "that wait to be removed included.";

// One look at each file: RocksDB keeps all of a store in one folder, in files of some ten MiB.
// Files come and go meanwhile; one that has gone counts nothing.
int64_t FolderBytes(const fs::path& folder) {
  int64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator file(folder, error), end; !error && file != end;
       file.increment(error)) {
    std::error_code gone;
    if (!file->is_regular_file(gone)) continue;
    const auto size = file->file_size(gone);
    if (!gone) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

// A counter of what is counted elsewhere, and told as a sum.
class Told {
 public:
  explicit Told(Counter counter) : counter_(counter) {}
  void Set(double sum) { counter_.Increment(sum - std::exchange(told_, sum)); }

 private:
  Counter counter_;
  double told_ = 0;
};

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

void AddMemoryMetrics(MetricsRegistry& metrics, const MemoryBudget& memory) {
  metrics
      .GetGauge("recsae_memory_limit_bytes",
                "What work and caches of this server may hold together: --memory-limit.")
      .Set(static_cast<double>(memory.limit()));
  const Gauge taken = metrics.GetGauge(
      "recsae_memory_taken_bytes",
      "What work and caches have taken of recsae_memory_limit_bytes, by their estimates. Caches "
      "give theirs up when work needs it, so a high value alone is no fault; calls and jobs that "
      "are refused with MEMORY_BUDGET are.");
  metrics.OnCollect([&memory, taken] { taken.Set(static_cast<double>(memory.taken())); });
  AddCacheMetrics(metrics, memory);
}

void AddJobMetrics(MetricsRegistry& metrics, const JobRunner& jobs) {
  const auto show = [&metrics](const std::string& kind, const char* state, int64_t count) {
    metrics.GetGauge("recsae_jobs", kJobsHelp, {{"kind", kind}, {"state", state}})
        .Set(static_cast<double>(count));
  };
  const Gauge oldest = metrics.GetGauge(
      "recsae_job_oldest_pending_seconds",
      "How long the job that has waited longest for a worker has waited; 0 where none waits.");
  metrics.OnCollect([&jobs, show, oldest] {
    absl::Duration longest = absl::ZeroDuration();
    for (const auto& [kind, count] : jobs.Unfinished()) {
      show(kind, "pending", count.pending);
      show(kind, "running", count.running);
      longest = std::max(longest, count.oldest_pending);
    }
    oldest.Set(absl::ToDoubleSeconds(longest));
  });
}

void AddConnectionMetrics(MetricsRegistry& metrics, const ConnectionCounts& connections) {
  const Gauge open =
      metrics.GetGauge("recsae_connections", "Connections that are open at the gRPC port.");
  metrics.OnCollect([open, &connections] { open.Set(static_cast<double>(connections.open)); });
  const auto count = [&metrics](const Counter& counter, const std::atomic<int64_t>& value) {
    metrics.OnCollect([counter, &value, told = int64_t{0}]() mutable {
      const int64_t now = value;
      counter.Increment(static_cast<double>(now - told));
      told = now;
    });
  };
  const auto refused = [&metrics](const char* reason) {
    return metrics.GetCounter("recsae_connections_refused_total",
                              "Connections that were closed at once: there were as many as may be "
                              "in all (all), or from that address (peer).",
                              {{"reason", reason}});
  };
  count(refused("all"), connections.refused_for_all);
  count(refused("peer"), connections.refused_for_one_peer);
  count(metrics.GetCounter("recsae_connections_silent_closed_total",
                           "Connections that had not sent a byte and were closed, where there was "
                           "no more room, for others."),
        connections.silent_closed);
}

void AddCertificateMetrics(MetricsRegistry& metrics, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    if (file.empty()) continue;
    const Gauge expiry = metrics.GetGauge(
        "recsae_certificate_expiry_seconds",
        "When the first certificate of the file expires, in seconds since 1970; 0 = it cannot be "
        "read.",
        {{"file", fs::path(file).filename().string()}});
    metrics.OnCollect([expiry, file] {
      const absl::StatusOr<absl::Time> when = CertificateExpiry(file);
      expiry.Set(when.ok() ? static_cast<double>(absl::ToUnixSeconds(*when)) : 0);
    });
  }
}

void AddStoreMetrics(MetricsRegistry& metrics, const std::string& data_dir,
                     const std::vector<std::string>& stores) {
  for (const std::string& store : stores) {
    const Gauge bytes = metrics.GetGauge("recsae_store_bytes", kStoreHelp, {{"store", store}});
    metrics.OnCollect([bytes, folder = absl::StrCat(data_dir, "/", store)] {
      bytes.Set(static_cast<double>(FolderBytes(folder)));
    });
  }
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

void AddDiskMetrics(MetricsRegistry& metrics, DiskFloor& floor) {
  const Gauge free = metrics.GetGauge(
      "recsae_disk_free_bytes",
      "What is free on the disk of --data-dir, whoever uses it; -1 where that cannot be told.");
  metrics
      .GetGauge("recsae_disk_floor_bytes",
                "What is kept free (--min-free-disk): with less free, writes are refused.")
      .Set(static_cast<double>(floor.floor_bytes()));
  const Counter refused = metrics.GetCounter(
      "recsae_store_writes_refused_total",
      "Writes that were refused with STORE_FULL for want of room. Deletions still work: delete "
      "what is not used any more, or give the volume more room.");
  metrics.OnCollect([&floor, free, refused, told = int64_t{0}]() mutable {
    free.Set(static_cast<double>(floor.free_bytes()));
    const int64_t now = floor.refused();
    refused.Increment(static_cast<double>(now - std::exchange(told, now)));
  });
}

void AddBackupMetrics(MetricsRegistry& metrics, const Backups& backups) {
  const Gauge last = metrics.GetGauge("recsae_backup_last_success_seconds",
                                      "When the newest backup in --backup-dir was made, in seconds "
                                      "since 1970; 0 if there is none.");
  metrics.OnCollect([&backups, last] {
    last.Set(static_cast<double>(absl::ToUnixSeconds(backups.last_success())));
  });
}

}  // namespace recsae
