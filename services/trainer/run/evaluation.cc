#include "services/trainer/run/evaluation.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/math/worker_pool.h"
#include "services/trainer/run/for_each.h"

namespace recsae::trainer {
namespace {

// Rows evaluated at a time.
constexpr int64_t kBatchRows = 4'096;

}  // namespace

absl::StatusOr<std::vector<sae::ReconstructionMetrics>> Evaluate(
    ActivationSource& source, RowStreamOptions options, const std::vector<sae::SaeModel>& models,
    int threads, const JobContext& job, const std::function<void(int64_t)>& progress) {
  options.shuffled = false;
  options.epochs = 1;
  options.position = 0;
  options.batch_rows = kBatchRows;
  std::vector<sae::MetricsAccumulator> accumulators;
  accumulators.reserve(models.size());
  for (const sae::SaeModel& model : models) accumulators.emplace_back(model.dim(), model.latents());
  math::WorkerPool pool(static_cast<int>(std::min(models.size(), static_cast<size_t>(threads))));
  RowStream rows(source, options);
  const auto on_cancel = job.OnCancel([&rows] { rows.Cancel(); });
  for (int64_t done = 0; done < options.rows;) {
    const absl::StatusOr<WeightedRows> batch = rows.Next(kBatchRows);
    RECSAE_RETURN_IF_ERROR(job.Interrupted());
    RECSAE_RETURN_IF_ERROR(batch.status());
    std::vector<absl::Status> ends(models.size());
    ForEach(pool, models.size(), [&](size_t i) {
      ends[i] = accumulators[i].Add(
          models[i], batch->data, batch->rows, [&job] { return job.Interrupted(); },
          batch->weights);
    });
    for (const absl::Status& end : ends) RECSAE_RETURN_IF_ERROR(end);
    done += batch->rows;
    progress(done);
  }
  std::vector<sae::ReconstructionMetrics> metrics;
  metrics.reserve(accumulators.size());
  for (const sae::MetricsAccumulator& accumulator : accumulators) {
    metrics.push_back(accumulator.Result());
  }
  return metrics;
}

}  // namespace recsae::trainer
