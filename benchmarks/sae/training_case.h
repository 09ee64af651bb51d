// A training run in a folder, so that the engine and its PyTorch port start from the same bytes:
//   case.json          input_scale, variance, total_rows, config (the fields of TrainConfig)
//   encoder.npy [F, d], encoder_bias.npy [F] (with the bias), decoder.npy [F, d], pre_bias.npy [d]
//   rows.npy [n, d]    activations as captured, in the order of training
#ifndef RECSAE_BENCHMARKS_SAE_TRAINING_CASE_H_
#define RECSAE_BENCHMARKS_SAE_TRAINING_CASE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sae/model.h"
#include "common/sae/train_config.h"

namespace recsae::sae {

struct TrainingCase {
  TrainConfig config;
  SaeWeights initial;
  double variance = 1.0;   // of the normalised rows
  int64_t total_rows = 0;  // that the learning-rate schedule spans
  std::vector<float> rows;

  int64_t row_count() const { return static_cast<int64_t>(rows.size()) / initial.dim; }
  // The rows of a step: whole batches, round and round.
  const float* Batch(int64_t step) const {
    const int64_t batches = row_count() / config.batch_rows;
    return rows.data() + step % batches * config.batch_rows * initial.dim;
  }
};

// A run over rows [n, dim] from the weights that Trainer::Create starts with. Errors as there, and
// INVALID_ARGUMENT when the rows are fewer than a batch.
absl::StatusOr<TrainingCase> MakeCase(const TrainConfig& config, int dim, int64_t total_rows,
                                      std::vector<float> rows);

// INTERNAL when the folder cannot be made or a file cannot be written.
absl::Status WriteCase(const TrainingCase& training_case, const std::string& folder);

// NOT_FOUND, INVALID_ARGUMENT naming the file.
absl::StatusOr<TrainingCase> ReadCase(const std::string& folder);

}  // namespace recsae::sae

#endif  // RECSAE_BENCHMARKS_SAE_TRAINING_CASE_H_
