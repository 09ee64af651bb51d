// More directions than dimensions, spread out as evenly as some steps of descent make them.
#ifndef RECSAE_CLIENTS_CLI_BENCH_ORTHOGONAL_H_
#define RECSAE_CLIENTS_CLI_BENCH_ORTHOGONAL_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "common/math/worker_pool.h"

namespace recsae::cli::bench {

// Takes so many steps of Adam (betas .9 and .999, epsilon 1e-8) at this rate on
//   Σ_{i ≠ j} ⟨e_i, e_j⟩² + n Σ_i (‖e_i‖² − 1)²
// over the rows e_i of `rows` [n, dim], of length 1, and brings them back to length 1. `progress`
// is told of each step; what it returns, if it is not OK, ends the work and is returned. The result
// is the same to the bit for any number of threads.
absl::Status MakeOrthogonal(std::vector<float>& rows, int dim, int steps, double rate,
                            math::WorkerPool& pool,
                            const std::function<absl::Status(int64_t, int64_t)>& progress);

// Bytes that it takes beside the rows.
int64_t EstimateOrthogonalBytes(int64_t n, int dim);

}  // namespace recsae::cli::bench

#endif  // RECSAE_CLIENTS_CLI_BENCH_ORTHOGONAL_H_
