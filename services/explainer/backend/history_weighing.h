// A subject's activation with and without each item of its history.
#ifndef RECSAE_SERVICES_EXPLAINER_BACKEND_HISTORY_WEIGHING_H_
#define RECSAE_SERVICES_EXPLAINER_BACKEND_HISTORY_WEIGHING_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/explainer/backend/backend.h"
#include "services/explainer/backend/subject.h"

namespace recsae::explainer {

struct WeighedHistory {
  // Whether the recommender was run again without each item; else it is told by the influence of
  // the items that the user's vector was trained on (InfluencesOn).
  bool run_again = false;
  std::vector<int32_t> items;  // oldest first, each once
  int unweighed = 0;           // items of the history that are not among them
  double fit = 0;              // Influences::fit
  // Just before scoring: with all of the history [d], and without each item [items, d].
  std::vector<float> with;
  std::vector<float> without;
};

// Weighs at most `count` items of the subject's history: the newest where the recommender reads
// histories, else those that move the scores of `explained` most. The subject has a head.
//   FAILED_PRECONDITION  HISTORY_NEEDED: an activation without its history; HISTORY_UNKNOWN: what
//                        the recommender was trained on with this user is not known
//   and what the probe answers where the recommender cannot be run
absl::StatusOr<WeighedHistory> WeighHistory(Backend& backend, const Caller& caller,
                                            const ResolvedSubject& subject, int count,
                                            absl::Span<const int32_t> explained);

// Items of a history in the order in which an item's score depends on them.
struct HistorySteps {
  std::vector<int> places;   // among WeighedHistory::items
  std::vector<float> after;  // just before scoring, without the items up to each step [steps, d]
};

// Takes items out one after the other, at most `steps`, among the newest 20 of those weighed: each
// time the one without which the score of `item` falls most, where a little counts what it makes of
// the score together with those taken before it and nothing else. Ends where none lowers the score.
// `weighed` by running the recommender again. Errors as WeighHistory.
absl::StatusOr<HistorySteps> TakeStepwise(Backend& backend, const Caller& caller,
                                          const ResolvedSubject& subject,
                                          const WeighedHistory& weighed, int32_t item, int steps);

// The query with the history of `subject` as items, of a recommender that reads histories: the
// user's past where the subject gave none. Without items where nothing is known.
absl::StatusOr<HostedQuery> WithItems(Backend& backend, const Caller& caller,
                                      const ResolvedSubject& subject);

// The newest `count` different items of a query's history that the catalogue has, oldest first, and
// how many different ones are left over.
std::pair<std::vector<int32_t>, int> NewestItems(const LoadedRecommender& recommender,
                                                 const HostedQuery& query, int count);

// `query` without every occurrence of the items.
HostedQuery Without(const HostedQuery& query, absl::Span<const std::string> item_ids);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_BACKEND_HISTORY_WEIGHING_H_
