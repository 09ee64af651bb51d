// "Test-all" evaluation.
#include "services/probe/recommenders/evaluation.h"

#include <vector>

#include "common/status/status.h"

namespace recsae::probe {

RankingMetrics Evaluate(const Dataset& dataset, absl::Span<const Case> cases,
                        absl::Span<const float> activations, absl::Span<const float> item_vectors) {
  RankingMetrics metrics;
  if (cases.empty()) return metrics;
  const size_t dim = activations.size() / cases.size();
  std::vector<float> scores(item_vectors.size() / dim);
  for (size_t i = 0; i < cases.size(); ++i) {
    ScoreItems(activations.subspan(i * dim, dim), item_vectors, {}, absl::MakeSpan(scores));
    metrics.Add(RankOf(scores, Target(dataset, cases[i]), Excluded(dataset, cases[i])));
  }
  return metrics;
}

absl::StatusOr<RankingMetrics> EvaluateRecommender(const Recommender& recommender,
                                                   const Dataset& dataset,
                                                   absl::Span<const Case> cases) {
  const std::vector<Case> answerable = AnswerableCases(recommender, cases);
  const std::vector<Query> queries = QueriesOf(dataset, answerable, recommender.options().history);
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> activations, recommender.Activations(queries));
  return Evaluate(dataset, answerable, activations, recommender.item_vectors());
}

}  // namespace recsae::probe
