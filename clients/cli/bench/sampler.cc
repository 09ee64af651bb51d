#include "clients/cli/bench/sampler.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/math/gemm.h"
#include "common/math/matrix.h"
#include "common/math/simd/kernels.h"

namespace recsae::cli::bench {
namespace {

// Rows that are made together; a row's block does not depend on who asks for it.
constexpr int kBlock = 64;
// Each feature has an even draw v of its own and fires where v < its probability. Draws below this
// are found by skips; others matter only where the probability is higher.
constexpr double kExtreme = 0.02;

constexpr double kTableEnd = 9.0;
constexpr double kTableSteps = 64.0;  // for each unit

double Tail(double c) { return 0.5 * std::erfc(c / std::numbers::sqrt2); }

}  // namespace

NormalTail::NormalTail() {
  for (int i = 0; i <= static_cast<int>(2 * kTableEnd * kTableSteps) + 1; ++i) {
    table_.push_back(Tail(i / kTableSteps - kTableEnd));
  }
}

bool NormalTail::Exceeds(double v, double c) const {
  if (c <= -kTableEnd || c >= kTableEnd) return v < Tail(c);
  const auto at = static_cast<size_t>((c + kTableEnd) * kTableSteps);
  if (v >= table_[at]) return false;
  return v < table_[at + 1] || v < Tail(c);
}

struct Sampler::Scratch {
  std::vector<Random> random;   // of each row of the block
  std::vector<float> epsilon;   // [kBlock, rank]
  std::vector<float> scores;    // [kBlock, free]
  std::vector<int32_t> likely;  // of a row
  TrueCode code;
};

Sampler::Sampler(const World& world, uint64_t seed) : world_(world), seed_(seed) {
  const int rank = world.spec.correlation_rank;
  const int free = world.spec.features - world.in_trees;
  const auto begin = world.loadings.begin() + static_cast<int64_t>(world.in_trees) * rank;
  free_loadings_ = math::Transposed(std::vector<float>(begin, world.loadings.end()), free, rank);
  const double least = NormalThreshold(kExtreme);
  for (int i = world.in_trees; i < world.spec.features; ++i) {
    likely_.push_back(static_cast<float>(world.threshold[i] - world.residual[i] * least));
  }
}

void Sampler::Generate(int64_t first, int64_t n, math::WorkerPool& pool, float* rows,
                       TrueCode* codes) const {
  if (n <= 0) return;
  const int64_t begin = first / kBlock;
  const int64_t end = (first + n - 1) / kBlock + 1;
  std::vector<Scratch> scratch(static_cast<size_t>(pool.threads()));
  pool.Run(static_cast<int>(end - begin), [&](int task, int worker) {
    GenerateBlock(begin + task, first, n, scratch[static_cast<size_t>(worker)], rows, codes);
  });
}

// The rows of a block that are among first ... first + n - 1.
void Sampler::GenerateBlock(int64_t block, int64_t first, int64_t n, Scratch& scratch, float* rows,
                            TrueCode* codes) const {
  const auto rank = static_cast<size_t>(world_.spec.correlation_rank);
  const auto free = static_cast<int64_t>(likely_.size());
  const int d = world_.spec.dim;
  scratch.random.clear();
  scratch.epsilon.resize(kBlock * rank);
  for (int i = 0; i < kBlock; ++i) {
    Random& random =
        scratch.random.emplace_back(Random::Mix(seed_, static_cast<uint64_t>(block), i));
    for (size_t r = 0; r < rank; ++r) {
      scratch.epsilon[i * rank + r] = static_cast<float>(random.Normal());
    }
  }
  scratch.scores.resize(static_cast<size_t>(kBlock * free));
  if (free > 0) {
    math::Sgemm(math::Transpose::kNo, math::Transpose::kNo, kBlock, free,
                static_cast<int64_t>(rank), scratch.epsilon.data(), free_loadings_.data(), 0.0f,
                scratch.scores.data());
  }
  for (int i = 0; i < kBlock; ++i) {
    const int64_t at = block * kBlock + i - first;
    if (at < 0 || at >= n) continue;
    TrueCode& code = scratch.code;
    code.clear();
    DrawTrees(scratch.epsilon.data() + i * rank, scratch.random[i], code);
    DrawFree(scratch.scores.data() + i * free, scratch.random[i], scratch, code);
    if (codes != nullptr) codes[at] = code;
    // x = bias − Σ (−z) f, many features at a time in registers.
    for (auto& [feature, value] : code) value = -value;
    math::Residual(world_.bias.data(), world_.features.data(), code.data(),
                   static_cast<int>(code.size()), d, rows + at * d);
  }
}

double Sampler::Score(int feature, const float* epsilon) const {
  const int rank = world_.spec.correlation_rank;
  const float* loadings = world_.loadings.data() + static_cast<size_t>(feature) * rank;
  float sums[4] = {};
  int r = 0;
  for (; r + 4 <= rank; r += 4) {
    for (int lane = 0; lane < 4; ++lane) sums[lane] += loadings[r + lane] * epsilon[r + lane];
  }
  float sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  for (; r < rank; ++r) sum += loadings[r] * epsilon[r];
  return sum;
}

bool Sampler::Fires(int feature, double score, Random& random) const {
  return tail_.Exceeds(random.Uniform(),
                       (world_.threshold[feature] - score) / world_.residual[feature]);
}

float Sampler::Magnitude(int feature, Random& random) const {
  const double value = world_.mean[feature] + world_.spread[feature] * random.Normal();
  return static_cast<float>(std::max(value, 0.0));
}

void Sampler::DrawTrees(const float* epsilon, Random& random, TrueCode& code) const {
  const int roots = std::min(world_.spec.roots, world_.in_trees);
  for (int root = 0; root < roots; ++root) {
    if (!Fires(root, Score(root, epsilon), random)) continue;
    const float value = Magnitude(root, random);
    if (value > 0.0f) code.push_back({root, value});
  }
  // Whoever fires is a parent in its turn.
  for (size_t at = 0; at < code.size(); ++at) DrawChildren(at, epsilon, random, code);
}

// At most one child of the parent at code[parent_at], unless it has only one.
void Sampler::DrawChildren(size_t parent_at, const float* epsilon, Random& random,
                           TrueCode& code) const {
  const auto [parent, parent_value] = code[parent_at];
  const int first = world_.first_child[parent];
  const int last = first + world_.children[parent];
  math::LatentActivation chosen{-1, 0.0f};
  uint64_t firing = 0;
  for (int child = first; child < last; ++child) {
    if (!Fires(child, Score(child, epsilon), random)) continue;
    const float value = Magnitude(child, random) * (parent_value / world_.mean[parent]);
    if (value <= 0.0f) continue;
    // Each of those that fire is as likely to stay.
    if (++firing == 1 || random.Below(firing) == 0) chosen = {child, value};
  }
  if (firing > 0) code.push_back(chosen);
}

// Features whose probability is above kExtreme. Most groups have none, which is seen at a glance.
void Sampler::FindLikely(const float* scores, std::vector<int32_t>& likely) const {
  constexpr size_t kGroup = 16;
  likely.clear();
  const auto take = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (scores[i] > likely_[i]) likely.push_back(static_cast<int32_t>(i));
    }
  };
  size_t begin = 0;
  for (; begin + kGroup <= likely_.size(); begin += kGroup) {
    const float* score = scores + begin;
    const float* limit = likely_.data() + begin;
    int count = 0;
    for (size_t i = 0; i < kGroup; ++i) count += score[i] > limit[i] ? 1 : 0;
    if (count > 0) take(begin, begin + kGroup);
  }
  take(begin, likely_.size());
}

void Sampler::DrawFree(const float* scores, Random& random, Scratch& scratch,
                       TrueCode& code) const {
  const auto free = static_cast<int32_t>(likely_.size());
  FindLikely(scores, scratch.likely);
  const auto draw = [&](int32_t i, double v) {
    const int feature = world_.in_trees + i;
    const double c = (double{world_.threshold[feature]} - scores[i]) / world_.residual[feature];
    if (!tail_.Exceeds(v, c)) return;
    const float value = Magnitude(feature, random);
    if (value > 0.0f) code.push_back({feature, value});
  };
  const double per_skip = 1.0 / std::log1p(-kExtreme);
  const auto skip = [&] {
    return 1 + static_cast<int64_t>(std::log(1.0 - random.Uniform()) * per_skip);
  };
  auto next_likely = scratch.likely.begin();
  const auto draw_likely_before = [&](int64_t limit) {
    for (; next_likely != scratch.likely.end() && *next_likely < limit; ++next_likely) {
      draw(*next_likely, kExtreme + (1.0 - kExtreme) * random.Uniform());
    }
  };
  for (int64_t extreme = skip() - 1; extreme < free; extreme += skip()) {
    draw_likely_before(extreme);
    const auto i = static_cast<int32_t>(extreme);
    if (next_likely != scratch.likely.end() && *next_likely == i) ++next_likely;
    draw(i, kExtreme * random.Uniform());
  }
  draw_likely_before(free);
}

}  // namespace recsae::cli::bench
