// FindCounterfactual.
#include <algorithm>
#include <cstddef>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ranking/ranking.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/attribution/attribution.h"
#include "services/explainer/attribution/counterfactual.h"
#include "services/explainer/attribution/directions.h"
#include "services/explainer/attribution/sentence.h"
#include "services/explainer/backend/history_weighing.h"
#include "services/explainer/backend/hosted_runs.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/calls/explain_call.h"
#include "services/explainer/calls/explanation_message.h"

namespace recsae::explainer {
namespace {

constexpr int kDefaultSize = 5;
constexpr int kMaxSize = 20;
// Sets tried: those of history items each run the recommender, those of concepts each score all
// items.
constexpr int64_t kMaxRuns = 2000;
constexpr double kMaxScoring = 4e9;  // multiplications

using Request = v1::FindCounterfactualRequest;

absl::Status CheckRequest(const Request& request) {
  BadRequest bad;
  CheckName("sae", request.sae(), "saes/{sae}", bad);
  CheckSubject(request.subject(), "subject", bad);
  if (request.item_id().empty()) bad.Add("item_id", "must not be empty");
  CheckRange("top_item_count", request.top_item_count(), 0, kMaxTopItems, bad);
  CheckRange("max_size", request.max_size(), 0, kMaxSize, bad);
  if (!Request::Of_IsValid(request.of())) {
    bad.Add("of", absl::StrCat("nothing has the number ", static_cast<int>(request.of())));
  }
  return bad.ToStatus();
}

// The item whose place is asked for, and the list.
struct Question {
  const ResolvedSubject& subject;
  int32_t item = 0;
  CounterfactualOptions options;

  const PredictionHead& head() const { return *subject.head(); }
  // Of the item with an activation just before scoring.
  Outcome Place(absl::Span<const float> x) const {
    ItemChoice choice;
    choice.excluded = subject.excluded;
    choice.also = {&item, 1};
    const ItemAttribution placed = RankItems(head(), x, choice).front();
    return {placed.rank, placed.score};
  }
};

int64_t Budget(const Question& question) {
  const double scoring = static_cast<double>(question.head().vectors.size());
  return std::clamp<int64_t>(static_cast<int64_t>(kMaxScoring / std::max(scoring, 1.0)), 50,
                             kMaxRuns);
}

// What was found, and the words for it.
struct Found {
  Counterfactual result;
  int rank_before = 0;
  std::vector<std::string> without;
};

absl::Status NothingToTake(const char* what, const ResolvedSubject& subject) {
  return Error(absl::StatusCode::kFailedPrecondition, "NOTHING_TO_TAKE_AWAY",
               absl::StrCat("there are no ", what, " of this subject that could be taken away"),
               {{"sae", subject.sae->name}});
}

// By running the recommender without items of the history.
absl::StatusOr<Found> OfHistory(Backend& backend, const Caller& caller, Question question,
                                v1::FindCounterfactualResponse* response) {
  const ResolvedSubject& subject = question.subject;
  const LoadedRecommender& recommender = *subject.recommender;
  RECSAE_ASSIGN_OR_RETURN(const HostedQuery query, WithItems(backend, caller, subject));
  const int dim = question.head().dim;
  bool reads_history = false;
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> x,
                          ComputeAtSite(backend, caller, recommender.resource.name(), "",
                                        {&query, 1}, dim, &reads_history));
  if (!reads_history) {
    return Error(absl::StatusCode::kFailedPrecondition, "HISTORY_NOT_READ",
                 absl::StrCat(recommender.resource.name(),
                              " reads no history: what it learned of a user cannot be taken back "
                              "item by item without training; ask for OF_CONCEPTS"),
                 {{"recommender", recommender.resource.name()}});
  }
  Found found;
  found.rank_before = question.Place(x).rank;
  const auto [items, unweighed] = NewestItems(recommender, query, kMaxReasons);
  // Of an empty history no recommender makes an activation.
  question.options.max_size =
      std::min(question.options.max_size, static_cast<int>(items.size()) - (unweighed == 0));
  question.options.candidates = static_cast<int>(items.size());
  if (question.options.max_size < 1) return NothingToTake("history items", subject);
  const auto ids = [&](const CandidateSet& set) {
    std::vector<std::string> taken;
    for (const int place : set) {
      taken.push_back(recommender.item_ids[static_cast<size_t>(items[static_cast<size_t>(place)])]);
    }
    return taken;
  };
  const auto try_sets =
      [&](absl::Span<const CandidateSet> sets) -> absl::StatusOr<std::vector<Outcome>> {
    std::vector<HostedQuery> queries;
    queries.reserve(sets.size());
    for (const CandidateSet& set : sets) queries.push_back(Without(query, ids(set)));
    RECSAE_ASSIGN_OR_RETURN(
        const std::vector<float> without,
        ComputeAtSite(backend, caller, recommender.resource.name(), "", queries, dim));
    std::vector<Outcome> outcomes;
    for (size_t i = 0; i < sets.size(); ++i) {
      RECSAE_RETURN_IF_ERROR(caller.Alive());
      outcomes.push_back(question.Place(absl::MakeConstSpan(without).subspan(
          i * static_cast<size_t>(dim), static_cast<size_t>(dim))));
    }
    return outcomes;
  };
  if (found.rank_before > question.options.top) return found;
  RECSAE_ASSIGN_OR_RETURN(found.result, FindCounterfactual(question.options, try_sets));
  for (const int place : found.result.set) {
    const int32_t item = items[static_cast<size_t>(place)];
    v1::ReasonItem* written = response->add_items();
    WriteReasonItem(recommender, item, written);
    found.without.push_back(written->title().empty() ? written->item_id() : written->title());
  }
  return found;
}

// By setting groups of latents to 0.
absl::StatusOr<Found> OfConcepts(Backend& backend, const Caller& caller, Question question,
                                 v1::FindCounterfactualResponse* response) {
  const ResolvedSubject& subject = question.subject;
  if (subject.at_inner_site()) {
    return Error(absl::StatusCode::kFailedPrecondition, "INNER_PROBE_SITE",
                 absl::StrCat(subject.sae->name, " reads probe site \"", subject.sae->probe_site,
                              "\", from which scores do not follow by its latents; ask for "
                              "OF_HISTORY"),
                 {{"sae", subject.sae->name}});
  }
  const sae::SaeModel& sae = subject.sae->model;
  const absl::Span<const float> x = subject.Activation(0);
  const std::vector<sae::LatentActivation> code = sae.Encode(x.data());
  const ActiveGroups groups = GroupsOf(backend, subject.sae->name, code);
  std::vector<Direction> parts;
  for (const ActiveGroups::Group& group : groups.groups) {
    Direction& part = parts.emplace_back(x.size());
    for (const int place : group.places) {
      const sae::LatentActivation& active = code[static_cast<size_t>(place)];
      AddTimes(active.value, sae.Direction(active.latent), part);
    }
  }
  question.options.candidates = static_cast<int>(parts.size());
  if (parts.empty()) return NothingToTake("active concepts", subject);
  Found found;
  found.rank_before = question.Place(x).rank;
  if (found.rank_before > question.options.top) return found;
  const auto try_sets =
      [&](absl::Span<const CandidateSet> sets) -> absl::StatusOr<std::vector<Outcome>> {
    std::vector<Outcome> outcomes;
    for (const CandidateSet& set : sets) {
      RECSAE_RETURN_IF_ERROR(caller.Alive());
      Direction without(x.begin(), x.end());
      for (const int place : set) AddTimes(-1, parts[static_cast<size_t>(place)], without);
      outcomes.push_back(question.Place(std::vector<float>(without.begin(), without.end())));
    }
    return outcomes;
  };
  RECSAE_ASSIGN_OR_RETURN(found.result, FindCounterfactual(question.options, try_sets));
  for (const int place : found.result.set) {
    const auto index = static_cast<size_t>(place);
    WriteGroup(groups, index, response->add_groups());
    const std::string& description = groups.told[index].description;
    found.without.push_back(description.empty() ? absl::StrCat("latent ", groups.groups[index].lead)
                                                : description);
  }
  return found;
}

void Write(const Question& question, const Found& found, bool concepts,
           v1::FindCounterfactualResponse* response) {
  const Counterfactual& result = found.result;
  response->set_found(result.found);
  response->set_rank_before(found.rank_before);
  response->set_rank_after(result.tried == 0 ? found.rank_before : result.outcome.rank);
  response->set_smallest(result.smallest);
  response->set_tried_count(static_cast<int32_t>(result.tried));
  CounterfactualWords words;
  const auto item = static_cast<size_t>(question.item);
  words.title = question.subject.recommender->texts[item].title;
  if (words.title.empty()) words.title = question.subject.recommender->item_ids[item];
  words.without = found.without;
  words.concepts = concepts;
  words.found = result.found;
  words.top = question.options.top;
  words.max_size = question.options.max_size;
  words.rank_before = found.rank_before;
  words.rank_after = response->rank_after();
  response->set_sentence(CounterfactualSentence(words));
  for (const std::string& id : question.subject.unknown_items) response->add_unknown_item_ids(id);
  for (const std::string& warning : question.subject.warnings) response->add_warnings(warning);
}

}  // namespace

absl::Status FindCounterfactual(Backend& backend, const Caller& caller, const Request& request,
                                v1::FindCounterfactualResponse* response) {
  RECSAE_RETURN_IF_ERROR(CheckRequest(request));
  RECSAE_ASSIGN_OR_RETURN(const ResolvedSubject subject,
                          ResolveSubject(backend, caller, request.sae(), request.subject(),
                                         {request.exclude_item_ids().data(),
                                          static_cast<size_t>(request.exclude_item_ids_size())},
                                         request.keep_seen_items()));
  if (subject.rows != 1) {
    return Error(absl::StatusCode::kInvalidArgument, "ONE_ACTIVATION_NEEDED",
                 absl::StrCat("subject: one activation, not ", subject.rows));
  }
  if (subject.head() == nullptr) {
    return NoPredictionHead(subject.recommender == nullptr ? ""
                                                           : subject.recommender->resource.name());
  }
  backend.concepts.WaitUntilFilled(caller).IgnoreError();
  const std::string* const item_id = &request.item_id();
  RECSAE_ASSIGN_OR_RETURN(const std::vector<int32_t> items,
                          FindItems(*subject.recommender, {&item_id, 1}));
  Question question{subject, items[0], {}};
  question.options.top =
      request.top_item_count() == 0 ? kDefaultTopItems : request.top_item_count();
  question.options.max_size = request.max_size() == 0 ? kDefaultSize : request.max_size();
  question.options.budget = Budget(question);
  const bool concepts = request.of() == Request::OF_CONCEPTS;
  RECSAE_ASSIGN_OR_RETURN(const Found found, concepts
                                                 ? OfConcepts(backend, caller, question, response)
                                                 : OfHistory(backend, caller, question, response));
  Write(question, found, concepts, response);
  return absl::OkStatus();
}

}  // namespace recsae::explainer
