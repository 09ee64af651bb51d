// A world that is small enough to be made by its definition, too.
#ifndef RECSAE_TESTS_UNIT_CLI_BENCH_TESTING_H_
#define RECSAE_TESTS_UNIT_CLI_BENCH_TESTING_H_

#include "absl/status/status.h"
#include "clients/cli/bench/world.h"

namespace recsae::cli::bench {

// 4 trees of 13 features and 28 without a tree, strongly correlated; some of them fire often.
inline WorldSpec TinySpec() {
  WorldSpec spec;
  spec.name = "tiny";
  spec.features = 80;
  spec.dim = 40;
  spec.exponent = 0.3;
  spec.most_frequent = 0.5;
  spec.least_frequent = 5e-3;
  spec.roots = 4;
  spec.branching = 3;
  spec.depth = 2;
  spec.correlation_rank = 6;
  spec.correlation_scale = 0.25;
  spec.orthogonal_steps = 20;
  spec.orthogonal_rate = 1e-3;
  // Wide enough that some values would be below 0.
  spec.first_magnitude = 1.0;
  spec.last_magnitude = 2.0;
  spec.spread_mean = 0.6;
  spec.spread_deviation = 0.3;
  spec.latents = 24;
  spec.k = 6;
  return spec;
}

inline World MakeTiny(const WorldSpec& spec = TinySpec(), int threads = 1) {
  math::WorkerPool pool(threads);
  return *MakeWorld(spec, 7, pool, [](int64_t, int64_t) { return absl::OkStatus(); });
}

}  // namespace recsae::cli::bench

#endif  // RECSAE_TESTS_UNIT_CLI_BENCH_TESTING_H_
