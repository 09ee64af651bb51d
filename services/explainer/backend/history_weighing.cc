#include "services/explainer/backend/history_weighing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/explainer/attribution/directions.h"
#include "services/explainer/attribution/influence.h"
#include "services/explainer/backend/hosted_runs.h"

namespace recsae::explainer {
namespace {

// Items of a user whose influence is found, the operations that it may take, and values of a vector
// that it can be found for.
constexpr double kInfluentialItems = 1000;
constexpr double kInfluenceOperations = 1e9;
constexpr int kWidestInfluenced = 1024;

// Of a stepwise search: items that it chooses from, and the weight of what an item makes of the
// score without the rest of the history, beside what is lost without it: less is better as items
// are taken away, more as they are given. Chosen on 100 users of MovieLens-1M, SASRec.
constexpr int kStepCandidates = 20;
constexpr double kAloneWeight = 0.15;

const std::string& NameOf(const ResolvedSubject& subject) {
  return subject.recommender->resource.name();
}

const std::string& IdAt(const LoadedRecommender& recommender, const WeighedHistory& weighed,
                        int place) {
  return recommender.item_ids[static_cast<size_t>(weighed.items[static_cast<size_t>(place)])];
}

absl::Status NeedsHistory(const ResolvedSubject& subject) {
  return Error(absl::StatusCode::kFailedPrecondition, "HISTORY_NEEDED",
               absl::StrCat("an activation of ", NameOf(subject),
                            " alone does not say which history it came from; give the subject as "
                            "history or captured_user"),
               {{"sae", subject.sae->name}});
}

absl::StatusOr<probe::v1::ComputeActivationsResponse::Past> PastOf(Backend& backend,
                                                                   const Caller& caller,
                                                                   const ResolvedSubject& subject) {
  probe::v1::ComputeActivationsResponse response;
  RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
    probe::v1::ComputeActivationsRequest request;
    request.set_recommender(NameOf(subject));
    request.set_with_past(true);
    request.add_queries()->set_user_id(subject.query.user_id());
    return backend.peers.probe.peer().FromGrpc(
        backend.peers.probe->ComputeActivations(&context, request, &response));
  }));
  if (response.pasts().empty() || !response.pasts(0).known()) {
    return Error(absl::StatusCode::kFailedPrecondition, "HISTORY_UNKNOWN",
                 absl::StrCat(NameOf(subject), " does not know what user \"",
                              subject.query.user_id(), "\" touched"),
                 {{"recommender", NameOf(subject)}, {"user_id", subject.query.user_id()}});
  }
  return response.pasts(0);
}

// `query` with the items that are among `item_ids`, or those that are not.
HostedQuery Filtered(const HostedQuery& query, absl::Span<const std::string> item_ids, bool among) {
  HostedQuery left;
  left.set_user_id(query.user_id());
  for (const std::string& id : query.history_item_ids()) {
    const bool is_among = std::find(item_ids.begin(), item_ids.end(), id) != item_ids.end();
    if (is_among == among) left.add_history_item_ids(id);
  }
  return left;
}

// Candidates of one step, with the queries without each of them, and then those with what was taken
// and each of them alone.
struct StepTrials {
  std::vector<int> places;
  std::vector<HostedQuery> queries;
};

// `gone`: ids of what was taken before, at `taken`. A candidate without which nothing is left is
// none.
StepTrials TrialsOf(const LoadedRecommender& recommender, const WeighedHistory& weighed,
                    const HostedQuery& query, const std::vector<int>& taken,
                    std::vector<std::string> gone) {
  StepTrials trials;
  std::vector<HostedQuery> alone;
  const auto items = static_cast<int>(weighed.items.size());
  for (int place = std::max(0, items - kStepCandidates); place < items; ++place) {
    if (std::count(taken.begin(), taken.end(), place) > 0) continue;
    gone.push_back(IdAt(recommender, weighed, place));
    HostedQuery without = Without(query, gone);
    if (!without.history_item_ids().empty()) {
      trials.places.push_back(place);
      trials.queries.push_back(std::move(without));
      alone.push_back(Filtered(query, gone, /*among=*/true));
    }
    gone.pop_back();
  }
  trials.queries.insert(trials.queries.end(), alone.begin(), alone.end());
  return trials;
}

// By running the recommender without each item. Not run_again: it reads no histories.
absl::StatusOr<WeighedHistory> RunAgain(Backend& backend, const Caller& caller,
                                        const ResolvedSubject& subject, const HostedQuery& query,
                                        int count) {
  const LoadedRecommender& recommender = *subject.recommender;
  WeighedHistory weighed;
  std::tie(weighed.items, weighed.unweighed) = NewestItems(recommender, query, count);
  if (weighed.items.size() == 1 && weighed.unweighed == 0) {
    // Of nothing no recommender makes an activation.
    weighed.items.clear();
    weighed.unweighed = 1;
  }
  std::vector<HostedQuery> queries = {query};
  for (const int32_t item : weighed.items) {
    queries.push_back(Without(query, {recommender.item_ids[static_cast<size_t>(item)]}));
  }
  const int dim = subject.head()->dim;
  RECSAE_ASSIGN_OR_RETURN(weighed.with, ComputeAtSite(backend, caller, NameOf(subject), "", queries,
                                                      dim, &weighed.run_again));
  weighed.without.assign(weighed.with.begin() + dim, weighed.with.end());
  weighed.with.resize(static_cast<size_t>(dim));
  return weighed;
}

// Keeps the `count` items that move the scores of `explained` most.
void KeepStrongest(const PredictionHead& head, absl::Span<const int32_t> explained, int count,
                   WeighedHistory& weighed) {
  const size_t dim = weighed.with.size();
  std::vector<double> moved(weighed.items.size());
  for (size_t i = 0; i < moved.size(); ++i) {
    Direction effect(weighed.with.begin(), weighed.with.end());
    AddTimes(-1, absl::MakeConstSpan(weighed.without).subspan(i * dim, dim), effect);
    for (const int32_t item : explained) moved[i] += std::abs(Dot(effect, head.Vector(item)));
  }
  std::vector<size_t> order(moved.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return moved[a] > moved[b]; });
  order.resize(std::min(order.size(), static_cast<size_t>(count)));
  std::sort(order.begin(), order.end());
  WeighedHistory kept = weighed;
  kept.items.clear();
  kept.without.clear();
  for (const size_t i : order) {
    kept.items.push_back(weighed.items[i]);
    const auto first = weighed.without.begin() + static_cast<std::ptrdiff_t>(i * dim);
    kept.without.insert(kept.without.end(), first, first + static_cast<std::ptrdiff_t>(dim));
  }
  kept.unweighed += static_cast<int>(weighed.items.size() - kept.items.size());
  weighed = std::move(kept);
}

// By the items that the recommender was trained on with this user.
absl::StatusOr<WeighedHistory> Influence(Backend& backend, const Caller& caller,
                                         const ResolvedSubject& subject, int count,
                                         absl::Span<const int32_t> explained,
                                         std::vector<float> activation) {
  const PredictionHead& head = *subject.head();
  if (head.dim > kWidestInfluenced) {
    return Error(
        absl::StatusCode::kFailedPrecondition, "ACTIVATION_TOO_WIDE",
        absl::StrCat("what vectors of ", head.dim, " values owe to items is not computed (",
                     kWidestInfluenced, " at most)"),
        {{"recommender", NameOf(subject)}});
  }
  RECSAE_ASSIGN_OR_RETURN(auto past, PastOf(backend, caller, subject));
  const int trained = std::clamp(past.trained_count(), 0, past.item_ids_size());
  past.mutable_item_ids()->DeleteSubrange(trained, past.item_ids_size() - trained);
  const double affordable = kInfluenceOperations / InfluenceOperations(head.dim);
  WeighedHistory weighed;
  HostedQuery trained_on;
  trained_on.mutable_history_item_ids()->Swap(past.mutable_item_ids());
  std::tie(weighed.items, weighed.unweighed) =
      NewestItems(*subject.recommender, trained_on,
                  static_cast<int>(std::clamp(affordable, 1.0, kInfluentialItems)));
  weighed.with = std::move(activation);
  const Influences influences = InfluencesOn(weighed.with, head, weighed.items);
  weighed.fit = influences.fit;
  for (const Direction& effect : influences.effects) {
    for (size_t c = 0; c < effect.size(); ++c) {
      weighed.without.push_back(static_cast<float>(weighed.with[c] - effect[c]));
    }
  }
  KeepStrongest(head, explained, count, weighed);
  return weighed;
}

}  // namespace

std::pair<std::vector<int32_t>, int> NewestItems(const LoadedRecommender& recommender,
                                                 const HostedQuery& query, int count) {
  std::unordered_set<int32_t> seen;
  std::vector<int32_t> items;
  const auto& ids = query.history_item_ids();
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    const int32_t item = recommender.Item(*id);
    if (item < 0 || !seen.insert(item).second) continue;
    if (static_cast<int>(items.size()) < count) items.push_back(item);
  }
  std::reverse(items.begin(), items.end());
  return {items, static_cast<int>(seen.size() - items.size())};
}

absl::StatusOr<HistorySteps> TakeStepwise(Backend& backend, const Caller& caller,
                                          const ResolvedSubject& subject,
                                          const WeighedHistory& weighed, int32_t item, int steps) {
  const LoadedRecommender& recommender = *subject.recommender;
  const PredictionHead& head = *subject.head();
  RECSAE_ASSIGN_OR_RETURN(const HostedQuery query, WithItems(backend, caller, subject));
  const auto dim = static_cast<size_t>(head.dim);
  HistorySteps taken;
  std::vector<std::string> gone;  // ids
  double score = Dot(weighed.with, head.Vector(item));
  while (static_cast<int>(taken.places.size()) < steps) {
    const StepTrials trials = TrialsOf(recommender, weighed, query, taken.places, gone);
    const size_t count = trials.places.size();
    if (count == 0) break;
    RECSAE_ASSIGN_OR_RETURN(
        const std::vector<float> x,
        ComputeAtSite(backend, caller, NameOf(subject), "", trials.queries, head.dim));
    const auto row = [&](size_t i) { return absl::MakeConstSpan(x).subspan(i * dim, dim); };
    size_t best = 0;
    double best_worth = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < count; ++i) {
      const double worth =
          kAloneWeight * Dot(row(count + i), head.Vector(item)) - Dot(row(i), head.Vector(item));
      if (worth > best_worth) best = i, best_worth = worth;
    }
    const double without = Dot(row(best), head.Vector(item));
    if (without >= score) break;
    score = without;
    taken.places.push_back(trials.places[best]);
    taken.after.insert(taken.after.end(), row(best).begin(), row(best).end());
    gone.push_back(IdAt(recommender, weighed, trials.places[best]));
  }
  return taken;
}

HostedQuery Without(const HostedQuery& query, absl::Span<const std::string> item_ids) {
  return Filtered(query, item_ids, /*among=*/false);
}

absl::StatusOr<HostedQuery> WithItems(Backend& backend, const Caller& caller,
                                      const ResolvedSubject& subject) {
  HostedQuery query = subject.query;
  if (query.history_item_ids().empty()) {
    if (query.user_id().empty()) return NeedsHistory(subject);
    RECSAE_ASSIGN_OR_RETURN(const auto past, PastOf(backend, caller, subject));
    *query.mutable_history_item_ids() = past.item_ids();
  }
  return query;
}

absl::StatusOr<WeighedHistory> WeighHistory(Backend& backend, const Caller& caller,
                                            const ResolvedSubject& subject, int count,
                                            absl::Span<const int32_t> explained) {
  if (!subject.learned.empty() && !subject.at_inner_site()) {
    return Influence(backend, caller, subject, count, explained, subject.learned);
  }
  RECSAE_ASSIGN_OR_RETURN(const HostedQuery query, WithItems(backend, caller, subject));
  RECSAE_ASSIGN_OR_RETURN(WeighedHistory weighed, RunAgain(backend, caller, subject, query, count));
  if (weighed.run_again) return weighed;
  return Influence(backend, caller, subject, count, explained, std::move(weighed.with));
}

}  // namespace recsae::explainer
