#include "services/explainer/calls/wish_call.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/calls/concept_choice.h"
#include "services/explainer/calls/popularity_change.h"
#include "services/explainer/steering/popularity_words.h"

namespace recsae::explainer {
namespace {

constexpr size_t kMaxWishesBytes = 1000;
constexpr size_t kMaxWishes = 20;
// Of concepts that are not active, shown where nothing tells which is meant.
constexpr size_t kIdleGroups = 3;

using LatentGroups = std::vector<std::vector<NamedLatent>>;

v1::Polarity ToProto(WishPolarity polarity) {
  switch (polarity) {
    case WishPolarity::kMore:
      return v1::POLARITY_MORE;
    case WishPolarity::kLess:
      return v1::POLARITY_LESS;
    case WishPolarity::kNever:
      return v1::POLARITY_NEVER;
    case WishPolarity::kUnknown:
      break;
  }
  return v1::POLARITY_UNSPECIFIED;
}

// By the group they belong to, in the order of each group's first.
LatentGroups ByGroup(absl::Span<const NamedLatent> latents) {
  LatentGroups groups;
  std::map<int32_t, size_t> places;
  for (const NamedLatent& latent : latents) {
    const auto [place, is_new] = places.emplace(latent.named->group, groups.size());
    if (is_new) groups.emplace_back();
    groups[place->second].push_back(latent);
  }
  return groups;
}

// The best match of a group whose lead matches as well, so that what is shown is what was asked
// for.
const NamedLatent& BestMatch(const FoundConcepts& found) {
  for (const NamedLatent& match : found.best) {
    const auto leads = [&](const NamedLatent& other) { return other.latent == match.named->group; };
    if (std::any_of(found.best.begin(), found.best.end(), leads)) return match;
  }
  return found.best.front();
}

// The latents that a wish changes, by group.
LatentGroups ChosenGroups(const SteeringContext& context, WishPolarity polarity,
                          const FoundConcepts& found) {
  const std::vector<NamedLatent> best = GroupOf(context.backend, context.sae, BestMatch(found));
  if (polarity == WishPolarity::kMore) return {best};
  LatentGroups groups = ByGroup(found.active);
  if (polarity == WishPolarity::kNever) {
    // What the SAE does not explain may have it, whether a latent is active or not.
    const auto is_best = [&](const std::vector<NamedLatent>& group) {
      return group.front().named->group == best.front().named->group;
    };
    groups.erase(std::remove_if(groups.begin(), groups.end(), is_best), groups.end());
    groups.insert(groups.begin(), best);
  }
  if (groups.empty()) {
    groups = ByGroup(found.best);
    groups.resize(std::min(groups.size(), kIdleGroups));
  }
  return groups;
}

void WriteGroup(const SteeringContext& context, const std::vector<NamedLatent>& group,
                v1::WishedConcept* out) {
  const int32_t lead = group.front().named->group;
  const auto of_lead = context.backend.concepts.Lookup(context.sae, lead);
  out->set_lead_latent(lead);
  out->set_description((of_lead == nullptr ? group.front().named : of_lead)->description);
  for (const NamedLatent& latent : group) {
    out->add_latents(latent.latent);
    out->set_active(out->active() || std::any_of(context.active.begin(), context.active.end(),
                                                 [&](const NamedLatent& active) {
                                                   return active.latent == latent.latent;
                                                 }));
  }
}

std::string NothingKnown(const SteeringContext& context, const Wish& wish) {
  const std::string active = StrongestActive(context.active);
  return absl::StrCat("no concept of ", context.sae, " is about \"", wish.topic,
                      "\"; say it in other words",
                      active.empty() ? "" : absl::StrCat(" (", active, ")"));
}

void Act(const SteeringContext& context, const Wish& wish, double strength,
         const FoundConcepts& found, const LatentGroups& groups, int place,
         ResolvedEdits& resolved) {
  switch (wish.polarity) {
    case WishPolarity::kMore:
      return AddToGroup(groups.front(), kMoreDeviations * strength, place, resolved);
    case WishPolarity::kNever:
      for (const auto& group : groups) RemoveWholly(group, place, resolved);
      return;
    default:
      break;
  }
  for (const NamedLatent& latent : found.active) {
    resolved.concepts[latent.latent] = latent.named;
    resolved.Add({latent.latent, LatentEdit::Operation::kScale, std::pow(kLessScale, strength)},
                 place);
  }
  if (!found.active.empty()) return;
  resolved.nothing[place].reason =
      absl::StrCat("no concept that it is about is active here; ",
                   NearestActive(context.model, found.best.front().latent, context.active));
}

}  // namespace

std::vector<Wish> CheckWishes(absl::string_view field, const std::string& text, BadRequest& bad) {
  if (text.size() > kMaxWishesBytes) {
    bad.Add(field, absl::StrCat("must be at most ", kMaxWishesBytes, " bytes, is ", text.size()));
    return {};
  }
  std::vector<Wish> wishes = ParseWishes(text);
  if (wishes.empty()) {
    bad.Add(field, absl::StrCat("asks for nothing: \"", text,
                                "\"; write for example \"less gore, more 90s thrillers\""));
  } else if (wishes.size() > kMaxWishes) {
    bad.Add(field,
            absl::StrCat("must hold at most ", kMaxWishes, " wishes, holds ", wishes.size()));
  }
  return wishes;
}

absl::Status ResolveWishes(const SteeringContext& context, const std::vector<Wish>& wishes,
                           double strength,
                           google::protobuf::RepeatedPtrField<v1::ResolvedWish>* out,
                           ResolvedEdits& resolved) {
  for (size_t i = 0; i < wishes.size(); ++i) {
    const Wish& wish = wishes[i];
    v1::ResolvedWish* written = out->Add();
    written->set_text(wish.text);
    written->set_polarity(ToProto(wish.polarity));
    if (wish.topic.empty()) {
      written->set_problem("it does not say of what; write for example \"more comedies\"");
      continue;
    }
    if (const double steps = PopularitySteps(wish); steps != 0) {
      written->set_popularity_steps(steps);
      written->set_problem(context.popularity_problem);
      if (context.popularity_problem.empty()) {
        resolved.popularity[PlaceOfWish(i)] = steps * strength;
      }
      continue;
    }
    RECSAE_ASSIGN_OR_RETURN(
        const FoundConcepts found,
        FindConcepts(context.backend, context.caller, context.sae, wish.topic, context.active));
    if (found.best.empty()) {
      written->set_problem(NothingKnown(context, wish));
      continue;
    }
    if (found.by_meaning.has_value()) written->set_by_meaning(*found.by_meaning);
    const LatentGroups groups = ChosenGroups(context, wish.polarity, found);
    for (const auto& group : groups) WriteGroup(context, group, written->add_concepts());
    Act(context, wish, strength, found, groups, PlaceOfWish(i), resolved);
  }
  return absl::OkStatus();
}

absl::Status ResolveWishes(Backend& backend, const Caller& caller,
                           const v1::ResolveWishesRequest& request,
                           v1::ResolveWishesResponse* response) {
  BadRequest bad;
  CheckName("sae", request.sae(), "saes/{sae}", bad);
  if (request.has_subject()) CheckSubject(request.subject(), "subject", bad);
  const std::vector<Wish> wishes = CheckWishes("text", request.text(), bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  std::shared_ptr<const LoadedSae> sae;
  std::vector<sae::LatentActivation> code;
  std::string popularity_problem;
  if (request.has_subject()) {
    RECSAE_ASSIGN_OR_RETURN(
        const ResolvedSubject subject,
        ResolveSubject(backend, caller, request.sae(), request.subject(), {}, false));
    RECSAE_RETURN_IF_ERROR(CheckOneRow(subject));
    sae = subject.sae;
    popularity_problem = PopularityProblem(subject);
    code = sae->model.Encode(subject.Activation(0).data());
  } else {
    RECSAE_ASSIGN_OR_RETURN(sae, backend.saes.Get(request.sae(), caller));
  }
  const absl::Status filled = backend.concepts.WaitUntilFilled(caller);
  const SteeringContext context = {
      backend, caller, request.sae(),     sae->model, ActiveLatents(backend, request.sae(), code),
      false,   filled, popularity_problem};
  ResolvedEdits unused;
  return ResolveWishes(context, wishes, 1, response->mutable_wishes(), unused);
}

}  // namespace recsae::explainer
