// Latents that go with how popular items are: by what is recommended, by what was read, and between
// histories of popular and of unpopular items (PopSteer, arXiv 2508.17297).
#ifndef RECSAE_SERVICES_EXPLAINER_EVALUATION_POPULARITY_LATENTS_H_
#define RECSAE_SERVICES_EXPLAINER_EVALUATION_POPULARITY_LATENTS_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/sae/codes.h"

namespace recsae::explainer {

using LatentCode = std::vector<sae::LatentActivation>;

// Rows of a capture.
struct PopularityRows {
  std::vector<LatentCode> codes;
  std::vector<std::vector<int32_t>> recommended;  // best first
  std::vector<std::vector<int32_t>> read;         // the last ones of the history
};

// Codes of histories that were made up; empty where they cannot be.
struct PopularityProfiles {
  std::vector<LatentCode> popular;
  std::vector<LatentCode> unpopular;
};

struct LatentPopularity {
  int32_t latent = 0;
  double recommended_correlation = 0;
  double read_correlation = 0;
  double effect = 0;
};

struct PopularityLatentsResult {
  // By the amount of recommended_correlation, ties by the lower latent; at most kShownLatents.
  std::vector<LatentPopularity> latents;
  int64_t profiles = 0;  // of each kind
  bool made_up = false;
  double shuffled_correlation = 0;
  double shuffled_effect = 0;
};

inline constexpr int kShownLatents = 10;
inline constexpr int kPopularityShuffles = 20;

// Cohen's d of every latent, `high` less `low`: the difference of the means over the root of the
// mean of the two variances. 0 where a latent does not vary.
std::vector<double> CohensD(absl::Span<const LatentCode* const> high,
                            absl::Span<const LatentCode* const> low, int latents);

// `counts`: training interactions of each item. Items are popular by the log of their count plus 1,
// a list or history by the mean over its items. The control deals the counts out anew among the
// items, by `seed`. A function of its arguments alone. Ends with what `alive` says unless it is OK.
absl::StatusOr<PopularityLatentsResult> FindPopularityLatents(
    const PopularityRows& rows, const PopularityProfiles& profiles,
    absl::Span<const int64_t> counts, int latents, uint64_t seed,
    absl::FunctionRef<absl::Status()> alive);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_EVALUATION_POPULARITY_LATENTS_H_
