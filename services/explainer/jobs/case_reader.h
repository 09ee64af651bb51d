// Cases of the probe with their items as numbers.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_CASE_READER_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_CASE_READER_H_

#include <cstdint>
#include <vector>

#include "recsae/probe/v1/probe.pb.h"
#include "services/explainer/caches/recommender_cache.h"

namespace recsae::explainer {

// The numbers of those ranked items that the recommender knows, best first.
inline std::vector<int32_t> KnownRankedItems(const LoadedRecommender& recommender,
                                             const probe::v1::Case& captured) {
  std::vector<int32_t> items;
  items.reserve(captured.ranked_items_size());
  for (const probe::v1::RankedItem& ranked : captured.ranked_items()) {
    if (const int32_t item = recommender.Item(ranked.item_id()); item >= 0) items.push_back(item);
  }
  return items;
}

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_CASE_READER_H_
