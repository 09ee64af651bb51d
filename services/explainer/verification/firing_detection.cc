#include "services/explainer/verification/firing_detection.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>

#include "common/base/status.h"
#include "services/explainer/evidence/described.h"

namespace recsae::explainer {
namespace {

constexpr int64_t kRowsBetweenChecks = 64;

// Rows by the share that they hold, largest first. Shares are parts of a few items: few values.
using Histogram = std::map<float, int64_t, std::greater<>>;

}  // namespace

absl::StatusOr<std::vector<FiringDetection>> DetectFirings(const SampledRows& rows,
                                                           const sae::SparseCodes& codes,
                                                           int latents, const ItemSets& sets,
                                                           std::span<const LatentAndSet> pairs,
                                                           const Speaking& speaking, Alive alive) {
  std::vector<int32_t> pair_of(static_cast<size_t>(latents), -1);
  std::map<int32_t, Histogram> all;  // by set; rows with a share above 0
  for (size_t i = 0; i < pairs.size(); ++i) {
    pair_of[static_cast<size_t>(pairs[i].latent)] = static_cast<int32_t>(i);
    all[pairs[i].set];
  }
  std::vector<Histogram> firing(pairs.size());
  int64_t count = 0;
  SetShares shares(sets, speaking);
  for (int64_t row = 0; row < rows.rows(); ++row) {
    if (row % kRowsBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(alive());
    if (!shares.Of(rows.cases[static_cast<size_t>(row)])) continue;
    ++count;
    for (const int32_t set : shares.touched()) {
      const auto of = all.find(set);
      if (of != all.end()) ++of->second[shares.share(set)];
    }
    for (const auto& [latent, value] : codes.Row(row)) {
      const int32_t pair = pair_of[static_cast<size_t>(latent)];
      if (pair < 0 || !(value > 0)) continue;
      ++firing[static_cast<size_t>(pair)][shares.share(pairs[static_cast<size_t>(pair)].set)];
    }
  }

  std::vector<FiringDetection> detections(pairs.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    double fired = 0;
    for (const auto& [share, n] : firing[i]) fired += static_cast<double>(n);
    if (fired == 0 || count == 0) continue;
    detections[i].prevalence = fired / static_cast<double>(count);
    const Histogram& of_set = all.at(pairs[i].set);
    auto next = of_set.begin();
    double seen = 0;
    double hits = 0;
    for (const auto& [share, n] : firing[i]) {
      for (; next != of_set.end() && next->first >= share; ++next) {
        seen += static_cast<double>(next->second);
      }
      if (share == 0) seen = static_cast<double>(count);  // and all that hold nothing of it
      hits += static_cast<double>(n);
      detections[i].average_precision += static_cast<double>(n) / fired * hits / seen;
    }
  }
  return detections;
}

}  // namespace recsae::explainer
