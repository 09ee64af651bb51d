// "Test-all" evaluation of activations against item vectors.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_EVALUATION_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_EVALUATION_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/ranking/ranking.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// Ranks each case's target among all items, masking what else its user touched. `activations`
// [cases, dim] and `item_vectors` [items, dim], row-major; `item_biases` [items] or empty;
// items in `withheld` stand before no other.
RankingMetrics Evaluate(const Dataset& dataset, absl::Span<const Case> cases,
                        absl::Span<const float> activations, absl::Span<const float> item_vectors,
                        absl::Span<const float> item_biases = {},
                        absl::Span<const int32_t> withheld = {});

// The same for the recommender's own activations; cases it cannot answer are left out.
absl::StatusOr<RankingMetrics> EvaluateRecommender(const Recommender& recommender,
                                                   const Dataset& dataset,
                                                   absl::Span<const Case> cases,
                                                   const std::function<bool()>& cancelled = {});

// The same on the dev and test cases, by name: "dev_hr@5", ... "test_ndcg@50". A split without
// cases has none, and what most of them cannot measure, for want of items to choose from, is left
// out. With test cases "test_seen_share", too. Errors: Recommender::Activations.
absl::StatusOr<std::map<std::string, double>> MeasureQuality(
    const Recommender& recommender, const Dataset& dataset, const std::function<bool()>& cancelled);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_EVALUATION_H_
