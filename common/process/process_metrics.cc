#include "common/process/process_metrics.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/access/certificate.h"
#include "common/budget/memory_budget.h"
#include "common/jobs/job_runner.h"
#include "common/process/acceptor.h"
#include "common/rpc/metrics.h"
#include "common/rpc/told.h"
#include "common/storage/backup.h"
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
    metrics.OnCollect(
        [told = Told(counter), &value]() mutable { told.Set(static_cast<double>(value)); });
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

void AddDiskMetrics(MetricsRegistry& metrics, DiskFloor& floor) {
  const Gauge free = metrics.GetGauge(
      "recsae_disk_free_bytes",
      "What is free on the disk of --data-dir, whoever uses it; -1 where that cannot be told.");
  metrics
      .GetGauge("recsae_disk_floor_bytes",
                "What is kept free (--min-free-disk): with less free, writes are refused.")
      .Set(static_cast<double>(floor.floor_bytes()));
  const Told refused(metrics.GetCounter(
      "recsae_store_writes_refused_total",
      "Writes that were refused with STORE_FULL for want of room. Deletions still work: delete "
      "what is not used any more, or give the volume more room."));
  metrics.OnCollect([&floor, free, told = refused]() mutable {
    free.Set(static_cast<double>(floor.free_bytes()));
    told.Set(static_cast<double>(floor.refused()));
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
