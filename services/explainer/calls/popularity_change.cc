#include "services/explainer/calls/popularity_change.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/history_weighing.h"
#include "services/explainer/steering/popularity.h"

namespace recsae::explainer {
namespace {

// The step of one unit for an activation.
std::vector<double> StepOf(const ResolvedSubject& subject, const SteeringOptions& options) {
  const double length = kPopularityStep * ChangeScale(subject.Activation(0), options.baseline);
  std::vector<double> step = subject.recommender->Popularity().direction;
  for (double& value : step) value *= length;
  return step;
}

// Items of the subject's history, or what its user touched, that the catalogue has; none, and a
// reason, where they are not known.
absl::StatusOr<std::vector<int32_t>> HistoryOf(Backend& backend, const Caller& caller,
                                               const ResolvedSubject& subject, std::string& why) {
  const absl::StatusOr<HostedQuery> query = WithItems(backend, caller, subject);
  if (!query.ok()) {
    const bool unknown = absl::IsFailedPrecondition(query.status()) ||
                         absl::IsNotFound(query.status()) ||
                         absl::IsInvalidArgument(query.status());
    if (!unknown) return query.status();
    why = std::string(query.status().message());
    return std::vector<int32_t>();
  }
  const std::vector<int32_t> items =
      KnownItems(subject.recommender->item_of_id, query->history_item_ids());
  if (items.empty()) why = "the history has no item of the catalogue";
  return items;
}

}  // namespace

std::string PopularityProblem(const ResolvedSubject& subject) {
  if (subject.head() == nullptr) {
    return "how popular items are is not known: the recommender has no prediction head";
  }
  const std::string& name = subject.recommender->resource.name();
  if (subject.at_inner_site()) {
    return absl::StrCat("popularity is steered just before ", name,
                        " scores: take an SAE of that site");
  }
  const KnownPopularity& popularity = subject.recommender->Popularity();
  if (!popularity.items.known()) {
    return absl::StrCat(
        "how popular items are is not known: the probe has no training "
        "interactions of ",
        name);
  }
  if (popularity.direction.empty()) {
    return absl::StrCat("no direction of an activation of ", name, " tells how popular items are");
  }
  return "";
}

absl::Status CheckPopularityKnown(const ResolvedSubject& subject) {
  const std::string problem = PopularityProblem(subject);
  if (problem.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "POPULARITY_UNKNOWN", problem,
               {{"sae", subject.sae->name}});
}

absl::StatusOr<PopularityPlan> PlanPopularity(Backend& backend, const Caller& caller,
                                              const v1::PopularityChange& change,
                                              const ResolvedSubject& subject,
                                              const ResolvedEdits& resolved,
                                              const SteeringOptions& options) {
  PopularityPlan plan;
  const bool of_request = change.change_case() != v1::PopularityChange::CHANGE_NOT_SET;
  plan.asked = of_request || !resolved.popularity.empty();
  if (!plan.asked) return plan;
  const KnownPopularity& popularity = subject.recommender->Popularity();
  std::vector<double> step = StepOf(subject, options);
  RECSAE_ASSIGN_OR_RETURN(const std::vector<int32_t> history,
                          HistoryOf(backend, caller, subject, plan.no_effect));
  if (const auto of = PopularityOf(history, popularity.items)) plan.own_novelty = of->novelty;
  if (change.own() && plan.own_novelty) {
    RECSAE_ASSIGN_OR_RETURN(
        const SteeredActivation edited,
        SteerActivation(subject.sae->model, subject.Activation(0), resolved.edits, options));
    plan.steps = StepsTowards(*plan.own_novelty, *subject.head(), edited.activation, step,
                              subject.excluded, popularity.items);
    if (plan.steps == 0) plan.no_effect = "what is recommended is as near to it as it comes";
  }
  plan.steps += change.steps();
  for (const auto& [wish, steps] : resolved.popularity) plan.steps += steps;
  if (plan.steps != 0) {
    for (double& value : step) value *= plan.steps;
    plan.shift = std::move(step);
    plan.no_effect = "";
  } else if (plan.no_effect.empty() || !change.own()) {
    plan.no_effect = "the steps asked for add up to none";
  }
  return plan;
}

void WritePopularity(const PopularityPlan& plan, const ResolvedSubject& subject,
                     const SteeredActivation& steered, v1::PopularityEffect& out) {
  out.set_steps(plan.steps);
  out.set_no_effect(plan.no_effect);
  if (plan.own_novelty) out.set_novelty_own(*plan.own_novelty);
  const PredictionHead& head = *subject.head();
  const ItemPopularity& items = subject.recommender->Popularity().items;
  if (const auto before =
          PopularityOf(FirstTen(head, subject.Activation(0), subject.excluded), items)) {
    out.set_novelty_before(before->novelty);
    out.set_tail_share_before(before->tail_share);
  }
  if (const auto after =
          PopularityOf(FirstTen(head, steered.activation, subject.excluded), items)) {
    out.set_novelty_after(after->novelty);
    out.set_tail_share_after(after->tail_share);
  }
}

}  // namespace recsae::explainer
