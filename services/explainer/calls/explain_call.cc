// Explain.
#include "services/explainer/calls/explain_call.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/budget/limits.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/attribution/attribution.h"
#include "services/explainer/attribution/personal.h"
#include "services/explainer/attribution/reasons.h"
#include "services/explainer/backend/history_weighing.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/calls/controls.h"
#include "services/explainer/calls/explanation_message.h"

namespace recsae::explainer {
namespace {

absl::Status CheckRequest(const v1::ExplainRequest& request) {
  BadRequest bad;
  CheckName("sae", request.sae(), "saes/{sae}", bad);
  CheckSubject(request.subject(), "subject", bad);
  CheckRange("top_item_count", request.top_item_count(), 0, kMaxTopItems, bad);
  if (request.item_ids_size() > kMaxItemIds) {
    bad.Add("item_ids", absl::StrCat("at most ", kMaxItemIds, " items can be asked for, not ",
                                     request.item_ids_size()));
  }
  if (request.stepwise_reasons() &&
      (request.item_ids_size() == 0 || request.item_ids_size() > kMaxStepwiseItems)) {
    bad.Add("stepwise_reasons",
            absl::StrCat("needs 1 to ", kMaxStepwiseItems, " items in item_ids, there are ",
                         request.item_ids_size()));
  }
  if (request.stepwise_reasons() && request.reason_count() == 0) {
    bad.Add("stepwise_reasons", "needs a reason_count: that many items are chosen from");
  }
  CheckRange("reason_count", request.reason_count(), 0, kMaxReasons, bad);
  return bad.ToStatus();
}

// Items that the request names.
struct NamedItems {
  std::vector<int32_t> also;
  std::optional<int32_t> than;
};

absl::StatusOr<NamedItems> FindNamedItems(const v1::ExplainRequest& request,
                                          const ResolvedSubject& subject) {
  if (request.item_ids().empty() && request.than_item_id().empty()) return NamedItems();
  if (subject.at_inner_site() && subject.user_activation.empty()) return HistoryNeeded(subject);
  if (subject.head() == nullptr) {
    return NoPredictionHead(subject.recommender == nullptr ? ""
                                                           : subject.recommender->resource.name());
  }
  NamedItems named;
  RECSAE_ASSIGN_OR_RETURN(
      named.also, FindItems(*subject.recommender, {request.item_ids().data(),
                                                   static_cast<size_t>(request.item_ids_size())}));
  if (!request.than_item_id().empty()) {
    const std::string* const than = &request.than_item_id();
    RECSAE_ASSIGN_OR_RETURN(const std::vector<int32_t> found,
                            FindItems(*subject.recommender, {&than, 1}));
    named.than = found[0];
  }
  return named;
}

ActivationExplanation ExplainRow(const ResolvedSubject& subject, int64_t row,
                                 const ItemChoice& choice) {
  const PredictionHead* head = subject.at_inner_site() ? nullptr : subject.head();
  ActivationExplanation explanation =
      ExplainActivation(subject.sae->model, head, subject.Activation(row), choice);
  if (!subject.user_activation.empty() && subject.head() != nullptr) {
    explanation.items = RankItems(*subject.head(), subject.user_activation, choice);
  }
  return explanation;
}

// The subject's history weighed, where it was asked for; null, with a warning, where it cannot be.
std::unique_ptr<WeighedHistory> Reasons(Backend& backend, const Caller& caller,
                                        const ResolvedSubject& subject,
                                        const v1::ExplainRequest& request,
                                        absl::Span<const ItemAttribution> explained,
                                        v1::ExplainResponse* response) {
  if (request.reason_count() == 0 || subject.head() == nullptr || explained.empty()) return nullptr;
  std::vector<int32_t> items;
  for (const ItemAttribution& item : explained) items.push_back(item.item);
  absl::StatusOr<WeighedHistory> weighed =
      WeighHistory(backend, caller, subject, request.reason_count(), items);
  if (weighed.ok()) return std::make_unique<WeighedHistory>(*std::move(weighed));
  response->add_warnings(absl::StrCat("the history is not weighed as reasons: ",
                                      std::string(weighed.status().message())));
  return nullptr;
}

absl::Status TooLarge(int64_t rows, size_t items) {
  return Error(absl::StatusCode::kResourceExhausted, "RESPONSE_TOO_LARGE",
               absl::StrCat("the explanations of ", rows, " activations with ", items,
                            " items each do not fit a message of 4 MiB; ask for fewer of them "
                            "in a call, or for fewer reasons"));
}

// Explains one activation of the subject.
absl::Status ExplainOne(Backend& backend, const Caller& caller, const ResolvedSubject& subject,
                        int64_t row, const v1::ExplainRequest& request,
                        const ActivationExplanation& explanation, const NamedItems& named,
                        v1::ExplainResponse* response) {
  const std::string& sae = subject.sae->name;
  const PredictionHead* head = subject.head();
  const ActiveGroups groups = GroupsOf(backend, sae, explanation.latents);
  ToldActivation told{
      subject.recommender.get(), explanation, groups, {}, nullptr, {}, {}, nullptr, named.than, {}};
  const std::shared_ptr<const BaselineMeans> baseline = backend.concepts.Baseline(sae);
  if (head != nullptr && !subject.at_inner_site() && baseline != nullptr &&
      baseline->activation.size() == static_cast<size_t>(head->dim)) {
    told.personal = SplitActivation(subject.sae->model, subject.Activation(row),
                                    explanation.latents, groups.members, *baseline);
    if (named.than.has_value()) told.than_score = SplitScore(*told.personal, *head, *named.than);
  }
  // Who has a history has one activation.
  std::unique_ptr<WeighedHistory> history;
  if (row == 0) history = Reasons(backend, caller, subject, request, explanation.items, response);
  if (history != nullptr) {
    told.history = history.get();
    told.scored_by = subject.at_inner_site() ? nullptr : &subject.sae->model;
    told.effects = HistoryEffects(told.scored_by, groups.members, history->with, history->without);
    if (request.stepwise_reasons() && !history->run_again) {
      response->add_warnings(
          absl::StrCat("stepwise_reasons has no effect: ", subject.recommender->resource.name(),
                       " reads no histories, so it cannot be run without an item; the reasons are "
                       "by influence"));
    } else if (request.stepwise_reasons()) {
      for (const int32_t item : named.also) {
        RECSAE_ASSIGN_OR_RETURN(
            told.steps[item], TakeStepwise(backend, caller, subject, *history, item, kReasonSteps));
      }
    }
  }
  WriteExplanation(backend, sae, told, response->add_explanations());
  return absl::OkStatus();
}

void AddWarnings(const Backend& backend, const ResolvedSubject& subject,
                 v1::ExplainResponse* response) {
  for (const std::string& id : subject.unknown_items) response->add_unknown_item_ids(id);
  for (const std::string& warning : subject.warnings) response->add_warnings(warning);
  if (subject.head() != nullptr && !subject.at_inner_site() &&
      backend.concepts.Baseline(subject.sae->name) == nullptr) {
    response->add_warnings(
        absl::StrCat(subject.sae->name,
                     " has no baseline: what everyone gets cannot be told from what is the "
                     "user's own; build its concepts again"));
  }
}

}  // namespace

absl::Status Explain(Backend& backend, const Caller& caller, const v1::ExplainRequest& request,
                     v1::ExplainResponse* response) {
  RECSAE_RETURN_IF_ERROR(CheckRequest(request));
  RECSAE_ASSIGN_OR_RETURN(ResolvedSubject subject,
                          ResolveSubject(backend, caller, request.sae(), request.subject(),
                                         {request.exclude_item_ids().data(),
                                          static_cast<size_t>(request.exclude_item_ids_size())},
                                         request.keep_seen_items()));
  RECSAE_RETURN_IF_ERROR(
      ApplyControls(backend, caller, request, subject, response->mutable_controls()));
  RECSAE_ASSIGN_OR_RETURN(const NamedItems named, FindNamedItems(request, subject));
  // Without the concept-store it goes on with the concepts that are here.
  backend.concepts.WaitUntilFilled(caller).IgnoreError();
  AddWarnings(backend, subject, response);
  ItemChoice choice;
  choice.top = request.top_item_count() == 0 ? kDefaultTopItems : request.top_item_count();
  choice.excluded = subject.excluded;
  choice.also = named.also;
  bool nothing_left = false;
  size_t bytes = 0;
  for (int64_t row = 0; row < subject.rows; ++row) {
    RECSAE_RETURN_IF_ERROR(caller.Alive());
    const ActivationExplanation explanation = ExplainRow(subject, row, choice);
    RECSAE_RETURN_IF_ERROR(
        ExplainOne(backend, caller, subject, row, request, explanation, named, response));
    nothing_left = nothing_left || (subject.head() != nullptr && explanation.items.empty() &&
                                    (!subject.at_inner_site() || !subject.user_activation.empty()));
    bytes += response->explanations(static_cast<int>(row)).ByteSizeLong() + 8;
    if (bytes > kMaxMessageBytes) return TooLarge(subject.rows, choice.top + named.also.size());
  }
  if (nothing_left) {
    response->add_warnings(
        "nothing is left to recommend: every item is excluded, or one that the user touched "
        "(keep_seen_items)");
  }
  return absl::OkStatus();
}

}  // namespace recsae::explainer
