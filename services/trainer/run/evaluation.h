// What the trained SAEs do on all rows of their capture.
#ifndef RECSAE_SERVICES_TRAINER_RUN_EVALUATION_H_
#define RECSAE_SERVICES_TRAINER_RUN_EVALUATION_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/sae/metrics.h"
#include "common/sae/model.h"
#include "services/trainer/rows/row_stream.h"

namespace recsae {
class JobContext;
}  // namespace recsae

namespace recsae::trainer {

// Metrics of each model, from one pass over the rows that `rows` names, in stored order, each by
// the weight that the source gives it. `threads`
// >= 1 work on different models. `progress` is called with the rows done. Ends soon after the job
// is interrupted; errors as RowStream::Next.
absl::StatusOr<std::vector<sae::ReconstructionMetrics>> Evaluate(
    ActivationSource& source, RowStreamOptions rows, const std::vector<sae::SaeModel>& models,
    int threads, const JobContext& job, const std::function<void(int64_t)>& progress);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_EVALUATION_H_
