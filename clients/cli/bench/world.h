// A world whose features are known: what an SAE should find in it is not a matter of opinion.
//
// It is SynthSAEBench's (Chanin & Garriga-Alonso 2026, arXiv 2602.14687): a row is
//   x = bias + Σ_i z_i f_i,
// with more features f_i of length 1 than there are dimensions, of which a few fire at a time:
//   * feature i fires where ⟨loadings_i, ε⟩ + residual_i · η_i > threshold_i, with ε [rank] of the
//     row and η_i standard normal (a Gaussian copula of low rank), so that it fires with
//     probability_i; where it does, z_i = max(0, mean_i + spread_i · normal);
//   * the first features form trees. A child fires only where its parent does, and of the children
//     of one parent that would fire at most one does, each as likely; its value is multiplied by
//     z_parent / mean_parent. Probabilities are raised beforehand for what that takes away.
#ifndef RECSAE_CLIENTS_CLI_BENCH_WORLD_H_
#define RECSAE_CLIENTS_CLI_BENCH_WORLD_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/random.h"
#include "common/math/worker_pool.h"

namespace recsae::cli::bench {

struct WorldSpec {
  std::string name;
  int features = 0;  // N >= 1
  int dim = 0;       // d >= 1
  // Zipf's law: rank^-exponent, shifted and scaled so that the first feature fires with probability
  // `most_frequent` and the last with `least_frequent`; 0 < least < most <= 1.
  double exponent = 0.5;
  double most_frequent = 0.4;
  double least_frequent = 5e-4;
  // Trees: so many roots (0 = none) of so many children each, `depth` levels below the root, given
  // out breadth first, the most frequent features to the roots, as far as there are features.
  int roots = 0;
  int branching = 4;
  int depth = 3;
  // Loadings are normal with this deviation.
  int correlation_rank = 25;  // >= 1
  double correlation_scale = 0.1;
  // Steps of Adam that make the features more orthogonal than random ones, and their rate.
  int orthogonal_steps = 100;
  double orthogonal_rate = 3e-4;
  // mean_i falls evenly from the first to the last feature; spread_i is |normal| of this mean and
  // deviation, drawn once for each feature.
  double first_magnitude = 5.0;
  double last_magnitude = 4.0;
  double spread_mean = 0.5;
  double spread_deviation = 0.5;
  double bias_norm = 0.5;

  // How SAEs of this world are trained and measured, unless a flag says otherwise.
  int latents = 0;
  int k = 0;
  int64_t train_samples = 0;
  int64_t test_samples = 0;
  double learning_rate = 0.0;
  int batch_rows = 0;
};

// "small", "medium" and "16k": the last is SynthSAEBench-16k, the others are like it.
const std::vector<WorldSpec>& Presets();
// Of this name, else INVALID_ARGUMENT (PRESET_UNKNOWN).
absl::StatusOr<WorldSpec> FindPreset(absl::string_view name);

// Bytes that a World takes while it is made, more than afterwards.
int64_t EstimateWorldBytes(const WorldSpec& spec);

// As it says above; all sizes by the spec. Immutable, thread-safe.
struct World {
  WorldSpec spec;
  std::vector<float> features;  // [N, d], of length 1
  std::vector<float> bias;      // [d]
  int in_trees = 0;             // features 0 ... in_trees - 1 are in trees
  // [in_trees]: children first_child ... first_child + children - 1; none where that is 0.
  std::vector<int32_t> first_child;
  std::vector<int32_t> children;
  std::vector<int32_t> parent;      // [in_trees], -1 for roots
  std::vector<double> rate;         // [N] Zipf's: about how often a feature fires in the end
  std::vector<double> probability;  // [N] that the copula gives, before trees take some away
  std::vector<float> threshold;     // [N] minus infinity where probability is 1
  std::vector<float> loadings;      // [N, rank]
  std::vector<float> residual;      // [N] sqrt(1 − ‖loadings_i‖²)
  std::vector<float> mean;          // [N]
  std::vector<float> spread;        // [N]
};

// Told how many of all steps are done; what it returns, if it is not OK, ends the work.
using WorldProgress = std::function<absl::Status(int64_t done, int64_t total)>;

// The world of a seed: the same to the bit on one machine, with any number of threads. `spec` as it
// says above.
absl::StatusOr<World> MakeWorld(const WorldSpec& spec, uint64_t seed, math::WorkerPool& pool,
                                const WorldProgress& progress);

// [rows, dim] directions of this length, each as likely as any other.
std::vector<float> RandomDirections(int rows, int dim, double length, Random random);

// Threshold that a standard normal exceeds with probability p in (0, 1].
double NormalThreshold(double p);

}  // namespace recsae::cli::bench

#endif  // RECSAE_CLIENTS_CLI_BENCH_WORLD_H_
