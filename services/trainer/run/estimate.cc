#include "services/trainer/run/estimate.h"

#include <algorithm>

#include "common/budget/bytes.h"
#include "common/sae/training_memory.h"
#include "services/trainer/run/training_config.h"

namespace recsae::trainer {
namespace {

// Read ahead of the training, and one message of it (row_stream.cc).
constexpr int64_t kAheadBytes = 24 * kMib;

}  // namespace

int64_t RowBytes(int64_t rows, int dim) { return Product({rows, dim, sizeof(float)}); }

int64_t TrainingJobBytes(const std::vector<v1::TrainingConfig>& configs, int dim, int64_t rows) {
  int64_t bytes = Sum({kAheadBytes, Product({2, RowBytes(std::min(kSampleRows, rows), dim)})});
  for (const v1::TrainingConfig& config : configs) {
    bytes = Sum({bytes, sae::EstimateTrainingBytes(ToEngine(config), dim, config.thread_count()),
                 RowBytes(config.batch_rows(), dim)});
    if (config.has_early_stop()) {
      // The rows, twice while they are read, and the weights of the best epoch.
      bytes =
          Sum({bytes, Product({2, RowBytes(std::min(config.early_stop().max_rows(), rows), dim)}),
               sae::EstimateModelBytes(config.latent_count(), dim)});
    }
  }
  return bytes;
}

}  // namespace recsae::trainer
