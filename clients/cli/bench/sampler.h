// Rows of a world, as many as wanted, with what is true of each.
#ifndef RECSAE_CLIENTS_CLI_BENCH_SAMPLER_H_
#define RECSAE_CLIENTS_CLI_BENCH_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "clients/cli/bench/world.h"
#include "common/base/random.h"
#include "common/math/simd/codes.h"
#include "common/math/worker_pool.h"

namespace recsae::cli::bench {

// Features that fire in a row, rising, with their values above 0.
using TrueCode = std::vector<math::LatentActivation>;

// Whether v < P(standard normal > c), with a look into a table for nearly all v and c.
class NormalTail {
 public:
  NormalTail();
  bool Exceeds(double v, double c) const;

 private:
  std::vector<double> table_;
};

// Row r of a seed is the same to the bit whenever, wherever and by however many threads it is made.
// The distribution is exactly the world's, but most features are never looked at: children whose
// parent does not fire are not drawn, and of the features outside trees only those are whose draw
// is extreme (found by geometric skips) or which ε has made likely. Immutable and thread-safe; the
// world must outlive it.
class Sampler {
 public:
  Sampler(const World& world, uint64_t seed);

  // Rows first ... first + n - 1 to `rows` [n, d]; what is true of them to `codes` [n] unless null.
  void Generate(int64_t first, int64_t n, math::WorkerPool& pool, float* rows,
                TrueCode* codes) const;

  const World& world() const { return world_; }

 private:
  struct Scratch;

  void GenerateBlock(int64_t block, int64_t first, int64_t n, Scratch& scratch, float* rows,
                     TrueCode* codes) const;
  bool Fires(int feature, double score, Random& random) const;
  float Magnitude(int feature, Random& random) const;
  double Score(int feature, const float* epsilon) const;
  void DrawTrees(const float* epsilon, Random& random, TrueCode& code) const;
  void DrawChildren(size_t parent_at, const float* epsilon, Random& random, TrueCode& code) const;
  void FindLikely(const float* scores, std::vector<int32_t>& likely) const;
  void DrawFree(const float* scores, Random& random, Scratch& scratch, TrueCode& code) const;

  const World& world_;
  const uint64_t seed_;
  const NormalTail tail_;
  // Of the features outside trees: loadings [rank, free], and the score from which a feature is
  // likelier than kExtreme to fire, [free].
  std::vector<float> free_loadings_;
  std::vector<float> likely_;
};

}  // namespace recsae::cli::bench

#endif  // RECSAE_CLIENTS_CLI_BENCH_SAMPLER_H_
