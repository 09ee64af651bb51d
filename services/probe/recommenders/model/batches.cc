// Spreads queries over threads.
#include "services/probe/recommenders/model/batches.h"

#include <algorithm>
#include <mutex>

#include "common/base/status.h"
#include "common/math/worker_pool.h"

namespace recsae::probe {

absl::Status InBatches(size_t n, size_t size, int threads, const std::function<bool()>& cancelled,
                       absl::FunctionRef<absl::Status(size_t first, size_t count)> work) {
  const auto batches = static_cast<int>((n + size - 1) / size);
  std::mutex mutex;
  absl::Status result;
  math::WorkerPool pool(std::clamp(batches, 1, threads));
  pool.Run(batches, [&](int batch, int) {
    {
      const std::lock_guard lock(mutex);
      if (!result.ok()) return;
    }
    const size_t first = batch * size;
    const absl::Status status = cancelled && cancelled()
                                    ? Error(absl::StatusCode::kCancelled, "CANCELLED",
                                            "computing activations was cancelled")
                                    : work(first, std::min(size, n - first));
    const std::lock_guard lock(mutex);
    result.Update(status);
  });
  return result;
}

size_t BatchSize(size_t n, size_t most) {
  constexpr size_t kParts = 4, kLeast = 4;
  return std::clamp((n + kParts - 1) / kParts, kLeast, most);
}

size_t RowsOf(const Query& query, int history) {
  return std::min(query.history.size(), static_cast<size_t>(history));
}

std::vector<size_t> RowStarts(absl::Span<const Query> queries, Positions positions, int history) {
  std::vector<size_t> starts = {0};
  for (const Query& query : queries) {
    starts.push_back(starts.back() + (positions == Positions::kAll ? RowsOf(query, history) : 1));
  }
  return starts;
}

}  // namespace recsae::probe
