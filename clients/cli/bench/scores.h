// How much of a known world a dictionary has found, as SynthSAEBench measures it.
#ifndef RECSAE_CLIENTS_CLI_BENCH_SCORES_H_
#define RECSAE_CLIENTS_CLI_BENCH_SCORES_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/bench/sampler.h"
#include "common/math/worker_pool.h"
#include "common/sae/model.h"

namespace recsae::cli::bench {

// The directions of a dictionary beside those of the world.
struct DirectionFit {
  // [F]: the feature of the largest absolute cosine (the first of equal ones).
  std::vector<int32_t> nearest;
  // Share of the latents, F in all, for which a feature of their own is the nearest: different
  // entries of `nearest`, by F.
  double uniqueness = 0.0;
  // Mean absolute cosine of latents and features matched one to one so that it is largest (the
  // Hungarian method), over the pairs.
  double mcc = 0.0;
};

// Of decoder [F, d] and features [N, d]; rows of zeros have cosine 0. Takes EstimateFitBytes.
// `progress` as MatchingProgress.
absl::StatusOr<DirectionFit> FitDirections(
    std::span<const float> decoder, std::span<const float> features, int dim,
    math::WorkerPool& pool, const std::function<absl::Status(int64_t, int64_t)>& progress);

int64_t EstimateFitBytes(int64_t latents, int64_t features, int dim);

struct Scores {
  // Each latent as a detector of its nearest feature: whether the latent is active against whether
  // the feature fires. Means over all F latents; what has no firing to count is 0.
  double f1 = 0.0;
  double precision = 0.0;
  double recall = 0.0;
  double mcc = 0.0;
  double uniqueness = 0.0;
  // 1 − mean ‖x − x̂‖² / mean ‖x − mean x‖².
  double explained_variance = 0.0;
  double l0 = 0.0;
  int64_t dead = 0;        // latents that no row fired
  double shrinkage = 0.0;  // mean ‖x̂‖ / ‖x‖
  double true_l0 = 0.0;    // features that fire in a row
};

// Measures a model on rows of a world that it has not seen: first ... first + n - 1, n >= 1. `fit`
// is of the model's decoder. The same to the bit for any number of threads.
Scores Measure(const sae::SaeModel& model, const DirectionFit& fit, const Sampler& sampler,
               int64_t first, int64_t n, math::WorkerPool& pool);

// Counts for each latent how often it is active, its feature fires, and both. Not thread-safe.
class DetectionCounts {
 public:
  DetectionCounts(std::span<const int32_t> nearest, int features);
  void Add(std::span<const math::LatentActivation> code, const TrueCode& truth);
  // f1, precision, recall, l0, true_l0 and dead.
  Scores Result() const;

 private:
  std::span<const int32_t> nearest_;
  std::vector<int64_t> active_;  // [F]
  std::vector<int64_t> both_;    // [F]
  std::vector<int64_t> fires_;   // [N]
  std::vector<int64_t> seen_;    // [N] the row in which a feature last fired, counted from 1
  int64_t rows_ = 0;
};

}  // namespace recsae::cli::bench

#endif  // RECSAE_CLIENTS_CLI_BENCH_SCORES_H_
