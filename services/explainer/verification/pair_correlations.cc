#include "services/explainer/verification/pair_correlations.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "common/base/status.h"
#include "services/explainer/evidence/described.h"
#include "services/explainer/verification/statistics.h"

namespace recsae::explainer {
namespace {

constexpr int64_t kRowsBetweenChecks = 64;

template <typename T>
using Blocks = std::array<T, kUserBlocks>;

// Sums of each block, and of all of them.
class Moments {
 public:
  void Add(size_t block, double value) {
    blocks_[block].sum += value;
    blocks_[block].squares += value * value;
  }
  MomentSums All() const {
    MomentSums all;
    for (const MomentSums& block : blocks_) {
      all.sum += block.sum;
      all.squares += block.squares;
    }
    return all;
  }
  MomentSums Without(const MomentSums& all, size_t block) const {
    return {all.sum - blocks_[block].sum, all.squares - blocks_[block].squares};
  }

 private:
  Blocks<MomentSums> blocks_ = {};
};

// The pairs by latent: those of latent l are order[begin[l] .. begin[l + 1]).
struct ByLatent {
  std::vector<size_t> begin;
  std::vector<size_t> order;
};

ByLatent Group(std::span<const LatentAndSet> pairs, int latents) {
  ByLatent by;
  by.begin.resize(static_cast<size_t>(latents) + 1);
  for (const LatentAndSet& pair : pairs) ++by.begin[static_cast<size_t>(pair.latent) + 1];
  std::partial_sum(by.begin.begin(), by.begin.end(), by.begin.begin());
  std::vector<size_t> next(by.begin.begin(), by.begin.end() - 1);
  by.order.resize(pairs.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    by.order[next[static_cast<size_t>(pairs[i].latent)]++] = i;
  }
  return by;
}

}  // namespace

double PairCorrelation::Error() const { return JackknifeError(without); }

void PairCorrelation::Scale(double factor) {
  all = std::clamp(all * factor, -1.0, 1.0);
  for (double& value : without) value = std::clamp(value * factor, -1.0, 1.0);
}

absl::StatusOr<std::vector<PairCorrelation>> Correlate(const SampledRows& rows,
                                                       const sae::SparseCodes& codes, int latents,
                                                       const ItemSets& sets,
                                                       std::span<const LatentAndSet> pairs,
                                                       const Speaking& speaking, Alive alive) {
  // Places of the sets that matter, -1 for the others.
  std::vector<int32_t> place(static_cast<size_t>(sets.size()), -1);
  int32_t places = 0;
  for (const LatentAndSet& pair : pairs) {
    int32_t& of = place[static_cast<size_t>(pair.set)];
    if (of < 0) of = places++;
  }
  const ByLatent by = Group(pairs, latents);
  std::vector<Moments> of_set(static_cast<size_t>(places));
  std::vector<Moments> of_latent(static_cast<size_t>(latents));
  std::vector<Blocks<double>> products(pairs.size());
  Blocks<double> count = {};
  SetShares shares(sets, speaking);
  for (int64_t row = 0; row < rows.rows(); ++row) {
    if (row % kRowsBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(alive());
    const Case& from = rows.cases[static_cast<size_t>(row)];
    if (!shares.Of(from)) continue;
    const size_t block = static_cast<uint32_t>(from.user) % kUserBlocks;
    ++count[block];
    for (const int32_t set : shares.touched()) {
      const int32_t at = place[static_cast<size_t>(set)];
      if (at >= 0) of_set[static_cast<size_t>(at)].Add(block, shares.share(set));
    }
    for (const auto& [latent, value] : codes.Row(row)) {
      const auto l = static_cast<size_t>(latent);
      of_latent[l].Add(block, value);
      for (size_t i = by.begin[l]; i < by.begin[l + 1]; ++i) {
        const size_t pair = by.order[i];
        products[pair][block] += double{value} * shares.share(pairs[pair].set);
      }
    }
  }

  const double n = std::accumulate(count.begin(), count.end(), 0.0);
  std::vector<PairCorrelation> correlations(pairs.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    const Moments& set = of_set[static_cast<size_t>(place[static_cast<size_t>(pairs[i].set)])];
    const Moments& latent = of_latent[static_cast<size_t>(pairs[i].latent)];
    const MomentSums all_of_set = set.All();
    const MomentSums all_of_latent = latent.All();
    const double product = std::accumulate(products[i].begin(), products[i].end(), 0.0);
    correlations[i].all = Pearson(n, all_of_latent, all_of_set, product);
    for (size_t block = 0; block < kUserBlocks; ++block) {
      correlations[i].without[block] =
          Pearson(n - count[block], latent.Without(all_of_latent, block),
                  set.Without(all_of_set, block), product - products[i][block]);
    }
  }
  return correlations;
}

}  // namespace recsae::explainer
