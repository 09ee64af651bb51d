#include "services/explainer/verification/split_half.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "common/base/status.h"
#include "services/explainer/evidence/described.h"
#include "services/explainer/labeling/roles.h"

namespace recsae::explainer {
namespace {

constexpr int64_t kRowsBetweenChecks = 64;

struct Halves {
  MomentSums describing;
  MomentSums testing;
  double products = 0;
};

void Add(double value, MomentSums& sums) {
  sums.sum += value;
  sums.squares += value * value;
}

}  // namespace

absl::StatusOr<std::vector<double>> WholeListFactors(const SampledRows& rows, const ItemSets& sets,
                                                     uint64_t seed, Alive alive) {
  std::vector<Halves> halves(static_cast<size_t>(sets.size()));
  SetShares describing(sets, {Speaking::Items::kDescribing, seed});
  SetShares testing(sets, {Speaking::Items::kTesting, seed});
  double n = 0;
  for (int64_t row = 0; row < rows.rows(); ++row) {
    if (row % kRowsBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(alive());
    const Case& from = rows.cases[static_cast<size_t>(row)];
    if (!describing.Of(from) || !testing.Of(from)) continue;
    ++n;
    for (const int32_t set : testing.touched()) {
      Halves& of = halves[static_cast<size_t>(set)];
      Add(testing.share(set), of.testing);
      of.products += double{testing.share(set)} * describing.share(set);
    }
    for (const int32_t set : describing.touched()) {
      Add(describing.share(set), halves[static_cast<size_t>(set)].describing);
    }
  }
  std::vector<double> factors;
  factors.reserve(halves.size());
  for (const Halves& of : halves) {
    const double rho = Pearson(n, of.describing, of.testing, of.products);
    factors.push_back(std::sqrt(2 / (1 + std::clamp(rho, 0.0, 1.0))));
  }
  return factors;
}

}  // namespace recsae::explainer
