// In doubles, since nothing has been checked yet: a product of sizes may exceed any integer.
#include "common/sae/training_memory.h"

#include <algorithm>
#include <limits>

#include "common/math/simd/kernels.h"
#include "common/sae/codes.h"
#include "common/sae/dead_latents.h"
#include "common/sae/gradients.h"

namespace recsae::sae {
namespace {

constexpr double kFloat = sizeof(float);
constexpr double kEntry = sizeof(LatentActivation);
// Of a list that is longer than its entries so many are touched beside them: the page's rest.
constexpr double kSlack = 512;
// Vectors grow by copying; what they hold at most then, as a multiple of what is in them.
constexpr double kGrowth = 1.5;

// For what is not listed here, and the allocator's own.
constexpr double kRest = 1.1;

int64_t AsBytes(double bytes) {
  constexpr auto kMost = static_cast<double>(std::numeric_limits<int64_t>::max());
  return bytes < kMost ? static_cast<int64_t>(bytes) : std::numeric_limits<int64_t>::max();
}

// Encoder, decoder, encoder bias, thresholds.
double ParameterBytes(double latents, double dim) {
  return kFloat * (2 * latents * dim + 2 * latents);
}

// Latents active in a row at the start of training, when the encoder is random and every second
// pre-activation is above 0.
double FirstActive(const TrainConfig& config) {
  return SelectsTopK(config.architecture) ? MostK(config) : 0.5 * config.latents;
}

double BatchBytes(const TrainConfig& config, double dim) {
  const double rows = config.batch_rows;
  const double slots =
      static_cast<double>(config.matryoshka_prefixes.size()) + (HasAuxLoss(config) ? 2 : 1);
  return kFloat * rows * (dim * (1 + slots) + 1);
}

// Lists of codes, what becomes of them, and contributions sorted by latent.
double CodeBytes(const TrainConfig& config, double dim) {
  const double rows = config.batch_rows;
  const double aux_k = config.aux_k > 0 ? config.aux_k : dim / 2;
  const double aux = HasAuxLoss(config) ? std::min<double>(aux_k, config.latents) : 0.0;
  const double listed = FirstActive(config);
  const bool batch = config.architecture == Architecture::kBatchTopK;
  const double active = batch ? MostK(config) : listed;
  double bytes = rows * (listed + aux) * kEntry * kGrowth;
  bytes += rows * (active + aux) * (kFloat + 1.25 * sizeof(math::Contribution));
  // Of the dead latents there may be few in one batch and many in another.
  if (aux > 0.0) bytes += DeadLatents::MostBytes(config.latents, dim, aux, rows);
  if (batch) bytes += rows * listed * (kEntry + kFloat);  // candidates for the largest of the batch
  return bytes;
}

// What each thread encodes with, and what each block of rows counts by latent.
double ScratchBytes(const TrainConfig& config, double dim, int threads) {
  const auto rows_per_block = static_cast<double>(std::min<int64_t>(
      RowsPerBlock(config.latents, static_cast<int>(dim), config.batch_rows), config.batch_rows));
  const double blocks = config.batch_rows / std::max(rows_per_block, 1.0) + 1;
  const double list = kEntry * (FirstActive(config) + kSlack);
  const double lists = (HasAuxLoss(config) ? 2 : 1) * rows_per_block * list;
  const double by_latent = (config.architecture == Architecture::kJumpRelu ? 3 : 1) * kFloat;
  return std::min<double>(threads, blocks) * lists + blocks * by_latent * config.latents;
}

}  // namespace

int64_t EstimateTrainerBytes(const TrainConfig& config, int dim, int threads) {
  const double latents = config.latents;
  const double parameters = ParameterBytes(latents, dim);
  // Weights, two moments, one gradient; half as much again where the encoder is packed, and once
  // more where all its latents are dead.
  const double matrices = (4 + 0.5 + (HasAuxLoss(config) ? 0.5 : 0.0)) * parameters;
  const double counters = latents * (sizeof(int64_t) + 8 * sizeof(int32_t));
  return AsBytes(kRest * (matrices + counters + BatchBytes(config, dim) + CodeBytes(config, dim) +
                          ScratchBytes(config, dim, threads)));
}

int64_t EstimateTrainingBytes(const TrainConfig& config, int dim, int threads) {
  const double state = 3 * ParameterBytes(config.latents, dim);
  const auto model = static_cast<double>(EstimateModelBytes(config.latents, dim));
  return AsBytes(static_cast<double>(EstimateTrainerBytes(config, dim, threads)) +
                 std::max(2 * state, model));
}

int64_t EstimateModelBytes(int latents, int dim) {
  // The weights; encoder and decoder in the recommender's units; the former packed, the latter at
  // unit norm for pursuit.
  return AsBytes(3 * ParameterBytes(latents, dim));
}

}  // namespace recsae::sae
