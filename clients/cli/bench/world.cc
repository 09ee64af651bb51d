#include "clients/cli/bench/world.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/bench/orthogonal.h"
#include "common/base/random.h"
#include "common/base/status.h"

namespace recsae::cli::bench {
namespace {

// What is drawn for a world, each from a sequence of its own.
enum Stream : uint64_t { kFeatures = 1, kBias, kLoadings, kSpread };

// So much of each feature's variance stays its own.
constexpr double kLeastResidual = 0.01;

WorldSpec Small() {
  WorldSpec spec;
  spec.name = "small";
  spec.features = 256;
  spec.dim = 96;
  spec.least_frequent = 2e-3;
  spec.roots = 8;
  spec.depth = 2;
  spec.latents = 64;
  spec.k = 4;
  spec.train_samples = 300'000;
  spec.test_samples = 20'000;
  spec.learning_rate = 3e-3;
  spec.batch_rows = 256;
  return spec;
}

WorldSpec Medium() {
  WorldSpec spec;
  spec.name = "medium";
  spec.features = 4096;
  spec.dim = 256;
  spec.least_frequent = 1e-3;
  spec.roots = 32;
  spec.latents = 1024;
  spec.k = 14;
  spec.train_samples = 4'000'000;
  spec.test_samples = 100'000;
  spec.learning_rate = 3e-3;
  spec.batch_rows = 256;
  return spec;
}

// What is not said here is as published by default.
WorldSpec Large() {
  WorldSpec spec;
  spec.name = "16k";
  spec.features = 16'384;
  spec.dim = 768;
  spec.roots = 128;
  spec.latents = 4096;
  spec.k = 25;
  spec.train_samples = 20'000'000;
  spec.test_samples = 100'000;
  spec.learning_rate = 1e-3;
  spec.batch_rows = 512;
  return spec;
}

std::vector<double> ZipfRates(const WorldSpec& spec) {
  std::vector<double> rates(static_cast<size_t>(spec.features));
  const double last = std::pow(spec.features, -spec.exponent);
  for (int i = 0; i < spec.features; ++i) {
    const double share =
        spec.features == 1 ? 1.0 : (std::pow(i + 1.0, -spec.exponent) - last) / (1.0 - last);
    rates[i] = spec.least_frequent + (spec.most_frequent - spec.least_frequent) * share;
  }
  return rates;
}

// Gives out the features breadth first.
void PlantTrees(World& world) {
  const WorldSpec& spec = world.spec;
  int next = std::min(spec.roots, spec.features);
  world.parent.assign(static_cast<size_t>(next), -1);
  int level_begin = 0;
  for (int depth = 0; depth < spec.depth; ++depth) {
    const int level_end = next;
    for (int node = level_begin; node < level_end; ++node) {
      const int count = std::min(spec.branching, spec.features - next);
      world.first_child.push_back(next);
      world.children.push_back(count);
      world.parent.insert(world.parent.end(), static_cast<size_t>(count), node);
      next += count;
    }
    level_begin = level_end;
  }
  world.in_trees = next;
  world.first_child.resize(static_cast<size_t>(next), 0);
  world.children.resize(static_cast<size_t>(next), 0);
}

// What a child loses by its parent's not firing, and by siblings that are taken in its place, is
// made good: 1 / rate of the parent, times 1 + the siblings that are expected to compete.
void RaiseProbabilities(World& world) {
  world.probability = world.rate;
  for (int node = 0; node < world.in_trees; ++node) {
    const int first = world.first_child[node];
    const int last = first + world.children[node];
    double together = 0.0;
    for (int child = first; child < last; ++child) together += world.rate[child];
    for (int child = first; child < last; ++child) {
      const double others = last - first > 1 ? together - world.rate[child] : 0.0;
      const double raised =
          world.rate[child] / world.rate[node] * (1.0 + others / world.rate[node]);
      world.probability[child] = std::min(raised, 1.0);
    }
  }
}

void Correlate(World& world, uint64_t seed) {
  const auto rank = static_cast<size_t>(world.spec.correlation_rank);
  Random random(seed, kLoadings);
  world.loadings.resize(static_cast<size_t>(world.spec.features) * rank);
  for (float& loading : world.loadings) {
    loading = static_cast<float>(world.spec.correlation_scale * random.Normal());
  }
  for (int i = 0; i < world.spec.features; ++i) {
    float* row = &world.loadings[static_cast<size_t>(i) * rank];
    double shared = 0.0;
    for (size_t r = 0; r < rank; ++r) shared += double{row[r]} * row[r];
    if (1.0 - shared < kLeastResidual) {
      const auto shrink = static_cast<float>(std::sqrt((1.0 - kLeastResidual) / shared));
      for (size_t r = 0; r < rank; ++r) row[r] *= shrink;
      shared = 1.0 - kLeastResidual;
    }
    world.residual.push_back(static_cast<float>(std::sqrt(1.0 - shared)));
    world.threshold.push_back(static_cast<float>(NormalThreshold(world.probability[i])));
  }
}

void SetMagnitudes(World& world, uint64_t seed) {
  const WorldSpec& spec = world.spec;
  Random random(seed, kSpread);
  for (int i = 0; i < spec.features; ++i) {
    const double share = spec.features == 1 ? 0.0 : i / (spec.features - 1.0);
    const double mean = spec.first_magnitude + (spec.last_magnitude - spec.first_magnitude) * share;
    world.mean.push_back(static_cast<float>(mean));
    const double spread = spec.spread_mean + spec.spread_deviation * random.Normal();
    world.spread.push_back(static_cast<float>(std::abs(spread)));
  }
}

}  // namespace

const std::vector<WorldSpec>& Presets() {
  static const std::vector<WorldSpec> presets = {Small(), Medium(), Large()};
  return presets;
}

absl::StatusOr<WorldSpec> FindPreset(absl::string_view name) {
  std::vector<std::string> names;
  for (const WorldSpec& spec : Presets()) {
    if (spec.name == name) return spec;
    names.push_back(spec.name);
  }
  return Error(absl::StatusCode::kInvalidArgument, "PRESET_UNKNOWN",
               absl::StrCat("there is no preset \"", name, "\"; expected one of ",
                            absl::StrJoin(names, ", ")));
}

std::vector<float> RandomDirections(int rows, int dim, double length, Random random) {
  std::vector<float> out(static_cast<size_t>(rows) * dim);
  std::vector<double> row(static_cast<size_t>(dim));
  for (size_t at = 0; at < out.size(); at += static_cast<size_t>(dim)) {
    double squared = 0.0;
    for (double& value : row) {
      value = random.Normal();
      squared += value * value;
    }
    const double scale = length / std::sqrt(squared);
    for (int i = 0; i < dim; ++i) out[at + i] = static_cast<float>(scale * row[i]);
  }
  return out;
}

double NormalThreshold(double p) {
  if (p >= 1.0) return -std::numeric_limits<double>::infinity();
  double low = -40.0;
  double high = 40.0;
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (0.5 * std::erfc(middle / std::numbers::sqrt2) > p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

int64_t EstimateWorldBytes(const WorldSpec& spec) {
  const int64_t matrix = int64_t{spec.features} * spec.dim * 4;
  const int64_t loadings = int64_t{spec.features} * (spec.correlation_rank * 4 + 48);
  return matrix + loadings + EstimateOrthogonalBytes(spec.features, spec.dim);
}

absl::StatusOr<World> MakeWorld(const WorldSpec& spec, uint64_t seed, math::WorkerPool& pool,
                                const WorldProgress& progress) {
  World world;
  world.spec = spec;
  world.rate = ZipfRates(spec);
  PlantTrees(world);
  RaiseProbabilities(world);
  Correlate(world, seed);
  SetMagnitudes(world, seed);
  world.bias = RandomDirections(1, spec.dim, spec.bias_norm, Random(seed, kBias));
  world.features = RandomDirections(spec.features, spec.dim, 1.0, Random(seed, kFeatures));
  RECSAE_RETURN_IF_ERROR(MakeOrthogonal(world.features, spec.dim, spec.orthogonal_steps,
                                        spec.orthogonal_rate, pool, progress));
  return world;
}

}  // namespace recsae::cli::bench
