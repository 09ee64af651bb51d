#include "common/process/process_metrics.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/budget/memory_budget.h"
#include "common/jobs/job_runner.h"
#include "common/rpc/metrics.h"

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

void AddStoreMetrics(MetricsRegistry& metrics, const std::string& data_dir,
                     const std::vector<std::string>& stores) {
  for (const std::string& store : stores) {
    const Gauge bytes = metrics.GetGauge("recsae_store_bytes", kStoreHelp, {{"store", store}});
    metrics.OnCollect([bytes, folder = absl::StrCat(data_dir, "/", store)] {
      bytes.Set(static_cast<double>(FolderBytes(folder)));
    });
  }
}

}  // namespace recsae
