// Steer.
#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/query_words.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/calls/concept_choice.h"
#include "services/explainer/calls/controls.h"
#include "services/explainer/calls/erasing.h"
#include "services/explainer/calls/explain_call.h"
#include "services/explainer/calls/popularity_change.h"
#include "services/explainer/calls/steer_edits.h"
#include "services/explainer/calls/steer_request.h"
#include "services/explainer/calls/wish_call.h"
#include "services/explainer/steering/steering.h"

namespace recsae::explainer {
namespace {

std::string WhyIneffective(const v1::Edit& edit, const v1::IneffectiveEdit& ineffective) {
  const bool one = ineffective.latents_size() == 1;
  const std::string latents =
      absl::StrCat(one ? "latent " : "latents ", absl::StrJoin(ineffective.latents(), ", "));
  // Of what is at 0, multiples and less are 0 again.
  const bool idle = edit.has_scale() ? edit.scale() != 1 : edit.has_remove() || edit.add() < 0;
  return idle ? absl::StrCat(latents, one ? " is" : " are", " not active here: nothing to ",
                             edit.has_scale() ? "multiply" : "take away")
              : absl::StrCat("the edit leaves ", latents, " as ", one ? "it is" : "they are");
}

// That the edits of a place are about, each once.
std::vector<int32_t> LatentsOf(int place, const ResolvedEdits& resolved) {
  std::vector<int32_t> latents;
  for (size_t e = 0; e < resolved.edits.size(); ++e) {
    const int32_t latent = resolved.edits[e].latent;
    if (resolved.origins[e] != place) continue;
    if (std::find(latents.begin(), latents.end(), latent) == latents.end()) {
      latents.push_back(latent);
    }
  }
  return latents;
}

// Edits of the request of which no latent changed.
void WriteIneffective(const v1::SteerRequest& request, const ResolvedEdits& resolved,
                      const std::vector<bool>& effective, v1::SteerResponse* response) {
  for (int i = 0; i < request.edits_size(); ++i) {
    if (resolved.Changed(i, effective)) continue;
    v1::IneffectiveEdit* ineffective = response->add_ineffective_edits();
    ineffective->set_edit(i);
    const auto nothing = resolved.nothing.find(i);
    if (nothing != resolved.nothing.end()) {
      ineffective->mutable_latents()->Assign(nothing->second.latents.begin(),
                                             nothing->second.latents.end());
      ineffective->set_reason(nothing->second.reason);
    } else {
      const std::vector<int32_t> latents = LatentsOf(i, resolved);
      ineffective->mutable_latents()->Assign(latents.begin(), latents.end());
      ineffective->set_reason(WhyIneffective(request.edits(i), *ineffective));
    }
  }
}

// Wishes that changed nothing, as warnings.
void WarnOfWishes(const ResolvedEdits& resolved, const std::vector<bool>& effective,
                  v1::SteerResponse* response) {
  for (int i = 0; i < response->wishes_size(); ++i) {
    const v1::ResolvedWish& wish = response->wishes(i);
    const int place = PlaceOfWish(static_cast<size_t>(i));
    if (resolved.popularity.contains(place) && response->popularity().no_effect().empty()) continue;
    if (resolved.Changed(place, effective)) continue;
    const auto nothing = resolved.nothing.find(place);
    std::string why = wish.problem();
    if (nothing != resolved.nothing.end()) why = nothing->second.reason;
    if (why.empty()) why = response->popularity().no_effect();
    if (why.empty()) why = "what it is about is as wished already";
    response->add_warnings(absl::StrCat("the wish \"", wish.text(), "\" changes nothing: ", why));
  }
}

void WarnOfBound(const v1::SteerRequest& request, bool bounded, const SteeredActivation& steered,
                 v1::SteerResponse* response) {
  if (!bounded && request.has_max_change() && request.max_change() > 0) {
    response->add_warnings(
        "max_change does not hold where an activation is set or reconstructed: those say exactly "
        "what is wanted");
  }
  if (!steered.projected_wholly) {
    response->add_warnings(
        "max_change did not let what is removed be projected out wholly: a part of it is left");
  }
}

// What is taken out with projected latents: their groups, and the attribute that the words which
// they were found by name.
Eraser EraserOf(const SteeringContext& context, const ResolvedEdits& resolved,
                v1::SteerResponse* response) {
  const auto known = context.backend.concepts.Erasures(context.sae);
  std::set<int32_t> leads;
  for (const int32_t latent : resolved.projected) {
    const auto named = context.backend.concepts.Lookup(context.sae, latent);
    leads.insert(named == nullptr ? latent : named->group);
  }
  Erasing erasing = ErasingOf(*known, context.model.dim(), leads, resolved.projected_words);
  if (!erasing.missing.empty()) {
    response->add_warnings(
        absl::StrCat("of ", erasing.missing.size() == 1 ? "latent " : "latents ",
                     absl::StrJoin(erasing.missing, ", "),
                     " only the direction is projected out, which leaves what goes along with it: ",
                     known->groups.empty() ? "build the concepts again to know that"
                                           : "no set of items describes it, or there was no room"));
  }
  return std::move(erasing.eraser);
}

// Whether the request says exactly what is wanted, so that nothing is shortened.
bool IsExact(const v1::SteerRequest& request) {
  return request.mode() == v1::SteerRequest::MODE_RECONSTRUCTION ||
         std::any_of(request.edits().begin(), request.edits().end(),
                     [](const v1::Edit& edit) { return edit.has_set(); });
}

void WriteItems(const LoadedRecommender& recommender, const std::vector<ComparedItem>& items,
                google::protobuf::RepeatedPtrField<v1::SteeredItem>* out) {
  for (const ComparedItem& item : items) {
    v1::SteeredItem* steered = out->Add();
    steered->set_item_id(recommender.item_ids[item.item]);
    steered->set_title(recommender.texts[item.item].title);
    steered->set_score(item.score);
    steered->set_other_rank(item.other_rank);
  }
}

// Both lists, where there are item vectors to score with.
absl::Status WriteLists(Backend& backend, const Caller& caller, const v1::SteerRequest& request,
                        const ResolvedSubject& subject, const std::vector<float>& steered,
                        v1::SteerResponse* response) {
  if (subject.head() == nullptr) return absl::OkStatus();
  const int top = request.top_item_count() == 0 ? kDefaultTopItems : request.top_item_count();
  absl::Span<const float> before = subject.Activation(0), after = steered;
  std::vector<float> resumed;
  if (subject.at_inner_site()) {
    RECSAE_ASSIGN_OR_RETURN(resumed, ResumeSubject(backend, caller, subject, steered));
    before = subject.user_activation;
    after = resumed;
  }
  const ComparedRecommendations compared =
      CompareRecommendations(*subject.head(), before, after, top, subject.excluded);
  WriteItems(*subject.recommender, compared.before, response->mutable_before());
  WriteItems(*subject.recommender, compared.after, response->mutable_after());
  return absl::OkStatus();
}

void WriteChanges(const ResolvedEdits& resolved, const SteeredActivation& steered,
                  v1::SteerResponse* response) {
  WriteVector(steered.activation, response->mutable_activation());
  response->set_change(steered.change);
  response->set_bounded_by(steered.bounded_by);
  for (const LatentChange& change : steered.changes) {
    v1::AppliedEdit* applied = response->add_edits();
    applied->set_latent(change.latent);
    const auto named = resolved.concepts.find(change.latent);
    if (named != resolved.concepts.end() && named->second != nullptr) {
      applied->set_description(named->second->description);
    }
    applied->set_activation_before(change.before);
    applied->set_activation_after(change.after);
  }
}

}  // namespace

absl::Status Steer(Backend& backend, const Caller& caller, const v1::SteerRequest& request,
                   v1::SteerResponse* response) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<Wish> wishes, CheckSteerRequest(request));
  RECSAE_ASSIGN_OR_RETURN(const ResolvedSubject subject,
                          ResolveSubject(backend, caller, request.sae(), request.subject(),
                                         {request.exclude_item_ids().data(),
                                          static_cast<size_t>(request.exclude_item_ids_size())},
                                         request.keep_seen_items()));
  RECSAE_RETURN_IF_ERROR(CheckOneRow(subject));
  UserControls controls;
  if (!request.ignore_controls()) {
    RECSAE_ASSIGN_OR_RETURN(controls,
                            ReadControls(backend, caller, request.sae(), request.subject()));
  }
  if (controls.empty() && request.edits().empty() && wishes.empty() && !request.has_popularity()) {
    return NothingAsked(request);
  }
  if (subject.at_inner_site() && subject.user_activation.empty()) return HistoryNeeded(subject);
  const sae::SaeModel& model = subject.sae->model;
  // An error here matters only where a concept is needed and not found.
  const absl::Status filled = backend.concepts.WaitUntilFilled(caller);
  const SteeringContext context = {
      backend,
      caller,
      request.sae(),
      model,
      ActiveLatents(backend, request.sae(), model.Encode(subject.Activation(0).data())),
      request.mode() == v1::SteerRequest::MODE_PROJECTION,
      filled,
      PopularityProblem(subject)};
  if (request.has_popularity()) RECSAE_RETURN_IF_ERROR(CheckPopularityKnown(subject));
  const double strength = request.wish_strength() == 0 ? 1 : request.wish_strength();
  ResolvedEdits resolved;
  ResolveControls(context, controls, resolved);
  RECSAE_RETURN_IF_ERROR(
      ResolveWishes(context, wishes, strength, response->mutable_wishes(), resolved));
  for (int i = 0; i < request.edits_size(); ++i) {
    RECSAE_RETURN_IF_ERROR(ResolveEdit(context, request.edits(i), i, resolved));
  }
  const std::vector<float> baseline = BaselineOf(backend, request.sae());
  SteeringOptions options;
  if (request.mode() == v1::SteerRequest::MODE_RECONSTRUCTION) {
    options.mode = SteeringMode::kReconstruction;
  }
  options.projected = resolved.projected;
  const Eraser eraser = EraserOf(context, resolved, response);
  if (!eraser.empty()) options.eraser = &eraser;
  options.lowered = resolved.lowered;
  options.baseline = baseline;
  const bool bounded = !IsExact(request);
  if (bounded) {
    options.max_change = request.has_max_change() ? request.max_change() : kDefaultMaxChange;
  }
  RECSAE_ASSIGN_OR_RETURN(
      const PopularityPlan popularity,
      PlanPopularity(backend, caller, request.popularity(), subject, resolved, options));
  options.shift = popularity.shift;
  RECSAE_ASSIGN_OR_RETURN(const SteeredActivation steered,
                          SteerActivation(model, subject.Activation(0), resolved.edits, options));

  WriteChanges(resolved, steered, response);
  if (popularity.asked)
    WritePopularity(popularity, subject, steered, *response->mutable_popularity());
  WriteControls(controls, resolved, steered.effective, response->mutable_controls());
  WriteIneffective(request, resolved, steered.effective, response);
  for (const std::string& id : subject.unknown_items) response->add_unknown_item_ids(id);
  for (const std::string& warning : subject.warnings) response->add_warnings(warning);
  for (const std::string& how : resolved.by_meaning) response->add_warnings(how);
  WarnOfWishes(resolved, steered.effective, response);
  WarnOfBound(request, bounded, steered, response);
  return WriteLists(backend, caller, request, subject, steered.activation, response);
}

}  // namespace recsae::explainer
