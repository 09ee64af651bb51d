// Cases and queries of recommenders.
#include "services/probe/recommenders/model/recommender.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::probe {
absl::Status CheckHistories(absl::Span<const Query> queries, int64_t items) {
  for (size_t i = 0; i < queries.size(); ++i) {
    if (queries[i].history.empty()) {
      return Error(
          absl::StatusCode::kInvalidArgument, "HISTORY_EMPTY",
          absl::StrCat("query ", i, " has no history; this recommender needs at least 1 item"),
          {{"query", absl::StrCat(i)}});
    }
    for (const int32_t item : queries[i].history) {
      if (item >= 0 && item < items) continue;
      return Error(absl::StatusCode::kInvalidArgument, "ITEM_UNKNOWN",
                   absl::StrCat("query ", i, " has item number ", item, "; there are ", items),
                   {{"query", absl::StrCat(i)}, {"item", absl::StrCat(item)}});
    }
  }
  return absl::OkStatus();
}

std::vector<Case> TrainRows(const Recommender& recommender, const Dataset& dataset) {
  return TrainCases(dataset, recommender.reads_history() ? 1 : 0);
}

std::vector<Case> AnswerableCases(const Recommender& recommender, const Dataset& dataset,
                                  absl::Span<const Case> cases) {
  if (recommender.reads_history()) return WithHistory(cases);
  std::vector<Case> known(cases.begin(), cases.end());
  std::erase_if(
      known, [&](const Case& c) { return dataset.train_length[static_cast<size_t>(c.user)] == 0; });
  return known;
}

std::vector<Query> QueriesOf(const Dataset& dataset, absl::Span<const Case> cases, int history) {
  std::vector<Query> queries;
  queries.reserve(cases.size());
  for (const Case& c : cases) queries.push_back({c.user, History(dataset, c, history)});
  return queries;
}

}  // namespace recsae::probe
