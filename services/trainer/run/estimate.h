// How much memory a training job takes.
#ifndef RECSAE_SERVICES_TRAINER_RUN_ESTIMATE_H_
#define RECSAE_SERVICES_TRAINER_RUN_ESTIMATE_H_

#include <cstdint>
#include <vector>

#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::trainer {

// What a request's memory depends on, for a refusal.
inline constexpr char kLowerTraining[] =
    "config.latent_count, config.expansion_factor or config.batch_rows (or train fewer SAEs at "
    "once)";

// Rows that the initial weights and the data's scale are taken from; held twice while they are
// read.
inline constexpr int64_t kSampleRows = 16'384;

// About the bytes that a job holds at most beside the rows that it keeps in memory: its trainers,
// one beside the other, the rows that each early stop is judged by, and what is sampled and read
// ahead. The configurations are filled in; activations have `dim` values. Saturates.
int64_t TrainingJobBytes(const std::vector<v1::TrainingConfig>& configs, int dim, int64_t rows);

// Bytes of so many rows in memory.
int64_t RowBytes(int64_t rows, int dim);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_ESTIMATE_H_
