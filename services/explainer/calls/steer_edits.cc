#include "services/explainer/calls/steer_edits.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/query_words.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/calls/concept_choice.h"
#include "services/explainer/steering/group_direction.h"

namespace recsae::explainer {
namespace {

// Whether an edit changes what is there, rather than bringing something: then it is about active
// latents.
bool ActsOnActive(const v1::Edit& edit) {
  return edit.has_scale() || edit.has_remove() || (edit.has_add() && edit.add() < 0);
}

bool Removes(const v1::Edit& edit) {
  return edit.has_remove() || (edit.has_scale() && edit.scale() == 0);
}

absl::Status StatisticsUnknown(const SteeringContext& context, int32_t latent) {
  RECSAE_RETURN_IF_ERROR(context.filled);
  return Error(absl::StatusCode::kFailedPrecondition, "LATENT_STATISTICS_UNKNOWN",
               absl::StrCat("latent ", latent, " of ", context.sae,
                            " has no concept, so its standard deviation is not known and nothing "
                            "can be added in its units; use push, scale or set"),
               {{"sae", context.sae}, {"latent", absl::StrCat(latent)}});
}

LatentEdit EditOf(const v1::Edit& edit, const NamedLatent& latent) {
  switch (edit.operation_case()) {
    case v1::Edit::kScale:
      return {latent.latent, LatentEdit::Operation::kScale, edit.scale()};
    case v1::Edit::kSet:
      return {latent.latent, LatentEdit::Operation::kSet, edit.set()};
    case v1::Edit::kPush:
      return {latent.latent, LatentEdit::Operation::kPush, edit.push()};
    case v1::Edit::kAdd:
      return {latent.latent, LatentEdit::Operation::kAdd,
              edit.add() * latent.named->statistics.standard_deviation};
    default:
      return {latent.latent, LatentEdit::Operation::kRemove, 0};
  }
}

// The same edit of each latent.
absl::Status EditEach(const SteeringContext& context, const v1::Edit& edit, int place,
                      absl::Span<const NamedLatent> latents, ResolvedEdits& resolved) {
  for (const NamedLatent& latent : latents) {
    if (edit.has_add() && latent.named == nullptr) {
      return StatisticsUnknown(context, latent.latent);
    }
    resolved.concepts[latent.latent] = latent.named;
    resolved.Add(EditOf(edit, latent), place);
    if (context.project && Removes(edit)) resolved.projected.push_back(latent.latent);
  }
  return absl::OkStatus();
}

absl::Status ResolveLatent(const SteeringContext& context, const v1::Edit& edit, int place,
                           ResolvedEdits& resolved) {
  BadRequest bad;
  CheckRange(absl::StrCat("edits[", place, "].latent"), edit.latent(), 0,
             context.model.latents() - 1, bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  const auto known = resolved.concepts.find(edit.latent());
  const NamedLatent latent = {edit.latent(),
                              known != resolved.concepts.end()
                                  ? known->second
                                  : context.backend.concepts.Lookup(context.sae, edit.latent())};
  return EditEach(context, edit, place, {&latent, 1}, resolved);
}

absl::Status ResolveGroup(const SteeringContext& context, const v1::Edit& edit, int place,
                          ResolvedEdits& resolved) {
  const std::string field = absl::StrCat("edits[", place, "].group");
  BadRequest bad;
  CheckRange(field, edit.group(), 0, context.model.latents() - 1, bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  const std::vector<NamedLatent> group = GroupLedBy(context.backend, context.sae, edit.group());
  if (group.empty()) {
    RECSAE_RETURN_IF_ERROR(context.filled);
    const auto named = context.backend.concepts.Lookup(context.sae, edit.group());
    bad.Add(field, named == nullptr
                       ? absl::StrCat("latent ", edit.group(), " has no concept, and so no group")
                       : absl::StrCat("latent ", edit.group(), " is in the group that latent ",
                                      named->group, " leads; name that one"));
    return bad.ToStatus();
  }
  if (edit.has_add() && edit.add() > 0) {
    AddToGroup(group, edit.add(), place, resolved);
    return absl::OkStatus();
  }
  return EditEach(context, edit, place, group, resolved);
}

absl::Status NothingMatches(const SteeringContext& context, const std::string& text) {
  const std::string active = StrongestActive(context.active);
  return Error(absl::StatusCode::kNotFound, "CONCEPT_NOT_FOUND",
               absl::StrCat("no concept of ", context.sae, " matches \"", text,
                            "\"; try other words, or name a latent",
                            active.empty() ? "" : absl::StrCat(" (", active, ")")),
               {{"sae", context.sae}, {"text", text}});
}

// Scale, remove and take from: the matching concepts that are active. What is projected out is the
// group that matches best, of everyone alike: what were chosen by what is active would tell it.
absl::Status EditActive(const SteeringContext& context, const v1::Edit& edit, int place,
                        const FoundConcepts& found, ResolvedEdits& resolved) {
  if (context.project && Removes(edit)) {
    resolved.projected_words.push_back(
        found.by_meaning.has_value()
            ? std::string(PartsOf(found.best.front().named->description).said)
            : edit.text());
    return EditEach(context, edit, place, GroupOf(context.backend, context.sae, found.best.front()),
                    resolved);
  }
  std::vector<NamedLatent> latents = found.active;
  if (edit.max_latents() > 0 && latents.size() > static_cast<size_t>(edit.max_latents())) {
    latents.resize(static_cast<size_t>(edit.max_latents()));
  }
  if (latents.empty()) {
    ResolvedEdits::Nothing& nothing = resolved.nothing[place];
    for (const NamedLatent& match : found.best) nothing.latents.push_back(match.latent);
    nothing.reason = absl::StrCat(
        found.best.size() == 1 ? "the concept that matches" : "none of the concepts that match",
        " \"", edit.text(), "\"",
        found.best.size() == 1 ? " is not active here" : " is active here", "; ",
        NearestActive(context.model, found.best.front().latent, context.active));
    return absl::OkStatus();
  }
  return EditEach(context, edit, place, latents, resolved);
}

absl::Status ResolveText(const SteeringContext& context, const v1::Edit& edit, int place,
                         ResolvedEdits& resolved) {
  RECSAE_ASSIGN_OR_RETURN(
      const FoundConcepts found,
      FindConcepts(context.backend, context.caller, context.sae, edit.text(), context.active));
  if (found.best.empty()) return NothingMatches(context, edit.text());
  if (found.by_meaning.has_value()) {
    resolved.by_meaning.push_back(absl::StrCat("not all words of \"", edit.text(),
                                               "\" stand in concepts; the nearest by meaning is \"",
                                               found.best.front().named->description, "\" (cosine ",
                                               absl::StrFormat("%.2f", *found.by_meaning), ")"));
  }
  if (ActsOnActive(edit)) return EditActive(context, edit, place, found, resolved);
  const auto wanted = static_cast<size_t>(std::max(edit.max_latents(), 1));
  if (!edit.has_add()) {
    return EditEach(context, edit, place, absl::MakeConstSpan(found.best).subspan(0, wanted),
                    resolved);
  }
  std::set<int32_t> groups;
  for (const NamedLatent& match : found.best) {
    if (groups.size() == wanted) break;
    if (!groups.insert(match.named->group).second) continue;
    AddToGroup(GroupOf(context.backend, context.sae, match), edit.add(), place, resolved);
  }
  return absl::OkStatus();
}

}  // namespace

bool ResolvedEdits::Changed(int place, const std::vector<bool>& effective) const {
  for (size_t e = 0; e < edits.size(); ++e) {
    if (origins[e] == place && effective[e]) return true;
  }
  return false;
}

std::vector<float> BaselineOf(const Backend& backend, const std::string& sae) {
  const auto baseline = backend.concepts.Baseline(sae);
  return baseline == nullptr ? std::vector<float>() : baseline->activation;
}

absl::Status ResolveEdit(const SteeringContext& context, const v1::Edit& edit, int place,
                         ResolvedEdits& resolved) {
  switch (edit.target_case()) {
    case v1::Edit::kText:
      return ResolveText(context, edit, place, resolved);
    case v1::Edit::kGroup:
      return ResolveGroup(context, edit, place, resolved);
    default:
      return ResolveLatent(context, edit, place, resolved);
  }
}

void AddToGroup(absl::Span<const NamedLatent> group, double deviations, int place,
                ResolvedEdits& resolved) {
  for (const NamedLatent& latent : group) resolved.concepts[latent.latent] = latent.named;
  for (const LatentEdit& edit : AddAlongGroup(FiringOfGroup(group), deviations)) {
    resolved.Add(edit, place);
  }
}

void RemoveWholly(absl::Span<const NamedLatent> latents, int place, ResolvedEdits& resolved) {
  for (const NamedLatent& latent : latents) {
    resolved.concepts[latent.latent] = latent.named;
    resolved.Add({latent.latent, LatentEdit::Operation::kRemove, 0}, place);
    resolved.lowered.push_back(latent.latent);
  }
}

}  // namespace recsae::explainer
