// How the latents of an evaluated SAE go with popularity.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_POPULARITY_RESULT_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_POPULARITY_RESULT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/ranking/list_quality.h"
#include "services/explainer/backend/backend.h"
#include "services/explainer/evaluation/popularity_latents.h"

namespace recsae {
class JobContext;
}  // namespace recsae

namespace recsae::explainer::v1 {
class ListQuality;
class PopularityLatents;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

// Items of a history that was made up, and of a row's that are looked at.
inline constexpr int kReadItems = 20;

// Counts of all items of a recommender, zeros where they are not known.
std::vector<int64_t> CountsOrZeros(const LoadedRecommender& recommender);

// `rows`: of a capture, with the recommender's items. Runs the recommender on made-up histories
// where it reads any.
absl::Status WritePopularity(Backend& backend, const Caller& caller, JobContext& job, uint64_t seed,
                             const std::string& sae_name, const LoadedSae& sae,
                             const LoadedRecommender& recommender, const ItemPopularity& popularity,
                             const PopularityRows& rows, v1::PopularityLatents* out);

void WriteLists(const ListQuality& lists, v1::ListQuality* out);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_POPULARITY_RESULT_H_
