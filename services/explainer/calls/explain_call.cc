// Explain.
#include "services/explainer/calls/explain_call.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/budget/limits.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/attribution/attribution.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/verification/firing.h"

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
  return bad.ToStatus();
}

// The numbers of the items that the request asks for by id.
absl::StatusOr<std::vector<int32_t>> RequestedItems(const v1::ExplainRequest& request,
                                                    const ResolvedSubject& subject) {
  if (request.item_ids().empty()) return std::vector<int32_t>();
  if (subject.at_inner_site() && subject.user_activation.empty()) return HistoryNeeded(subject);
  if (subject.head() == nullptr) {
    return NoPredictionHead(subject.recommender == nullptr ? ""
                                                           : subject.recommender->resource.name());
  }
  return FindItems(*subject.recommender,
                   {request.item_ids().data(), static_cast<size_t>(request.item_ids_size())});
}

// Latents that say the same, as one: each group where its strongest latent stands.
void WriteGroups(const Backend& backend, const std::string& sae,
                 absl::Span<const sae::LatentActivation> latents,
                 absl::Span<const std::shared_ptr<const CachedConcept>> concepts,
                 v1::Explanation* out) {
  std::map<int32_t, v1::ActiveGroup*> groups;
  for (size_t i = 0; i < latents.size(); ++i) {
    const int32_t lead = concepts[i] == nullptr ? latents[i].latent : concepts[i]->group;
    v1::ActiveGroup*& group = groups[lead];
    if (group == nullptr) {
      group = out->add_groups();
      group->set_lead_latent(lead);
      // A lead that has no concept any more leaves the word to who is there.
      std::shared_ptr<const CachedConcept> of_lead = backend.concepts.Lookup(sae, lead);
      if (of_lead == nullptr) of_lead = concepts[i];
      if (of_lead != nullptr) {
        group->set_description(of_lead->description);
        group->set_correlation(of_lead->correlation);
        group->set_verified(of_lead->verified);
      }
    }
    group->add_latents(static_cast<int32_t>(i));
  }
}

void WriteLatents(const Backend& backend, const ResolvedSubject& subject,
                  const ActivationExplanation& explanation, v1::Explanation* out) {
  const auto concepts = backend.concepts.Lookup(subject.sae->name, explanation.latents);
  for (size_t i = 0; i < concepts.size(); ++i) {
    const sae::LatentActivation& active = explanation.latents[i];
    v1::ActiveLatent* latent = out->add_latents();
    latent->set_latent(active.latent);
    latent->set_activation(active.value);
    if (concepts[i] == nullptr) continue;
    latent->set_level(IntensityLevel(active.value, concepts[i]->statistics));
    latent->set_description(concepts[i]->description);
    latent->set_correlation(concepts[i]->correlation);
    latent->set_verified(concepts[i]->verified);
  }
  WriteGroups(backend, subject.sae->name, explanation.latents, concepts, out);
}

void WriteItem(const LoadedRecommender& recommender, const ItemAttribution& item,
               const v1::Explanation& explanation, v1::ExplainedItem* out) {
  out->set_item_id(recommender.item_ids[item.item]);
  out->set_title(recommender.texts[item.item].title);
  out->set_rank(item.rank);
  out->set_score(item.score);
  out->mutable_contributions()->Assign(item.contributions.begin(), item.contributions.end());
  for (const v1::ActiveGroup& group : explanation.groups()) {
    if (item.contributions.empty()) break;
    double sum = 0;
    for (const int32_t place : group.latents()) {
      sum += item.contributions[static_cast<size_t>(place)];
    }
    out->add_group_contributions(sum);
  }
  out->set_bias(item.bias);
  out->set_residual(item.residual);
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

}  // namespace

absl::Status Explain(Backend& backend, const Caller& caller, const v1::ExplainRequest& request,
                     v1::ExplainResponse* response) {
  RECSAE_RETURN_IF_ERROR(CheckRequest(request));
  RECSAE_ASSIGN_OR_RETURN(const ResolvedSubject subject,
                          ResolveSubject(backend, caller, request.sae(), request.subject(),
                                         {request.exclude_item_ids().data(),
                                          static_cast<size_t>(request.exclude_item_ids_size())},
                                         request.keep_seen_items()));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<int32_t> also, RequestedItems(request, subject));
  // Without the concept-store it goes on with the concepts that are here.
  backend.concepts.WaitUntilFilled(caller).IgnoreError();
  for (const std::string& id : subject.unknown_items) response->add_unknown_item_ids(id);
  for (const std::string& warning : subject.warnings) response->add_warnings(warning);
  ItemChoice choice;
  choice.top = request.top_item_count() == 0 ? kDefaultTopItems : request.top_item_count();
  choice.excluded = subject.excluded;
  choice.also = also;
  bool nothing_left = false;
  size_t bytes = 0;
  for (int64_t row = 0; row < subject.rows; ++row) {
    RECSAE_RETURN_IF_ERROR(caller.Alive());
    const ActivationExplanation explanation = ExplainRow(subject, row, choice);
    v1::Explanation* out = response->add_explanations();
    out->set_relative_error(explanation.relative_error);
    WriteLatents(backend, subject, explanation, out);
    nothing_left = nothing_left || (subject.head() != nullptr && explanation.items.empty() &&
                                    (!subject.at_inner_site() || !subject.user_activation.empty()));
    for (const ItemAttribution& item : explanation.items) {
      WriteItem(*subject.recommender, item, *out, out->add_items());
    }
    bytes += out->ByteSizeLong() + 8;
    if (bytes > kMaxMessageBytes) {
      return Error(absl::StatusCode::kResourceExhausted, "RESPONSE_TOO_LARGE",
                   absl::StrCat("the explanations of ", subject.rows, " activations with ",
                                choice.top + also.size(),
                                " items each do not fit a message of 4 MiB; ask for fewer of them "
                                "in a call"));
    }
  }
  if (nothing_left) {
    response->add_warnings(
        "nothing is left to recommend: every item is excluded, or one that the user touched "
        "(keep_seen_items)");
  }
  return absl::OkStatus();
}

}  // namespace recsae::explainer
