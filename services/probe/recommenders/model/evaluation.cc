// "Test-all" evaluation.
#include "services/probe/recommenders/model/evaluation.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ranking/candidates.h"

namespace recsae::probe {

RankingMetrics Evaluate(const Dataset& dataset, absl::Span<const Case> cases,
                        absl::Span<const float> activations, absl::Span<const float> item_vectors,
                        absl::Span<const float> item_biases, absl::Span<const int32_t> withheld) {
  RankingMetrics metrics;
  if (cases.empty()) return metrics;
  const size_t dim = activations.size() / cases.size();
  std::vector<float> scores(item_vectors.size() / dim);
  for (size_t i = 0; i < cases.size(); ++i) {
    ScoreItems(activations.subspan(i * dim, dim), item_vectors, item_biases,
               absl::MakeSpan(scores));
    for (const int32_t item : withheld) scores[item] = -std::numeric_limits<float>::infinity();
    metrics.Add(RankOf(scores, Target(dataset, cases[i]), Excluded(dataset, cases[i])));
  }
  return metrics;
}

absl::StatusOr<RankingMetrics> EvaluateRecommender(const Recommender& recommender,
                                                   const Dataset& dataset,
                                                   absl::Span<const Case> cases,
                                                   const std::function<bool()>& cancelled) {
  const std::vector<Case> answerable = AnswerableCases(recommender, dataset, cases);
  const std::vector<Query> queries = QueriesOf(dataset, answerable, recommender.options().history);
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> activations,
                          recommender.Activations(queries, cancelled));
  return Evaluate(dataset, answerable, activations, recommender.item_vectors(),
                  recommender.item_biases(), recommender.withheld());
}

absl::StatusOr<std::map<std::string, double>> MeasureQuality(
    const Recommender& recommender, const Dataset& dataset,
    const std::function<bool()>& cancelled) {
  std::map<std::string, double> quality;
  for (const auto& [split, cases] : {std::pair("dev_", &dataset.dev), {"test_", &dataset.test}}) {
    RECSAE_ASSIGN_OR_RETURN(const RankingMetrics metrics,
                            EvaluateRecommender(recommender, dataset, *cases, cancelled));
    if (metrics.cases() == 0) continue;
    CandidateCounts candidates;
    for (const Case& one : AnswerableCases(recommender, dataset, *cases)) {
      candidates.Add(CountCandidates(static_cast<int64_t>(dataset.items.size()),
                                     Target(dataset, one), Excluded(dataset, one),
                                     recommender.withheld()));
    }
    for (const int k : RankingMetrics::kCutoffs) {
      if (!candidates.Measures(k)) continue;
      quality[absl::StrCat(split, "hr@", k)] = metrics.hr(k);
      quality[absl::StrCat(split, "ndcg@", k)] = metrics.ndcg(k);
    }
  }
  if (!dataset.test.empty()) {
    quality["test_seen_share"] =
        static_cast<double>(dataset.test_seen) / static_cast<double>(dataset.test.size());
  }
  return quality;
}

}  // namespace recsae::probe
