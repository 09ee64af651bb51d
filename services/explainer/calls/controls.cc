#include "services/explainer/calls/controls.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/hosted_runs.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/calls/concept_choice.h"
#include "services/explainer/calls/wish_call.h"

namespace recsae::explainer {
namespace {

using concept_store::v1::Control;

v1::Polarity ToProto(Control::Polarity polarity) {
  switch (polarity) {
    case Control::POLARITY_MORE:
      return v1::POLARITY_MORE;
    case Control::POLARITY_LESS:
      return v1::POLARITY_LESS;
    case Control::POLARITY_NEVER:
      return v1::POLARITY_NEVER;
    default:
      return v1::POLARITY_UNSPECIFIED;
  }
}

// The latents that a control is about: those of the group that its latent belongs to by now; where
// it has no concept any more, itself.
std::vector<NamedLatent> LatentsOf(const SteeringContext& context, const Control& control) {
  const NamedLatent lead = {control.lead_latent(),
                            context.backend.concepts.Lookup(context.sae, control.lead_latent())};
  if (lead.named == nullptr) return {lead};
  return GroupOf(context.backend, context.sae, lead);
}

// Only what is active can become less.
void MakeLess(const SteeringContext& context, const std::vector<NamedLatent>& group,
              double strength, int place, ResolvedEdits& resolved) {
  for (const NamedLatent& latent : group) {
    const bool active =
        std::any_of(context.active.begin(), context.active.end(),
                    [&](const NamedLatent& a) { return a.latent == latent.latent; });
    if (!active) continue;
    resolved.concepts[latent.latent] = latent.named;
    resolved.Add({latent.latent, LatentEdit::Operation::kScale, std::pow(kLessScale, strength)},
                 place);
  }
}

void Resolve(const SteeringContext& context, const Control& control, int place,
             ResolvedEdits& resolved) {
  if (control.lead_latent() < 0 || control.lead_latent() >= context.model.latents()) {
    resolved.nothing[place].reason =
        absl::StrCat(context.sae, " has no latent ", control.lead_latent());
    return;
  }
  const std::vector<NamedLatent> group = LatentsOf(context, control);
  const double strength = control.strength() == 0 ? 1 : control.strength();
  switch (control.polarity()) {
    case Control::POLARITY_MORE:
      if (group.front().named == nullptr) {
        resolved.nothing[place].reason =
            absl::StrCat("latent ", control.lead_latent(),
                         " has no concept, so that it is not known how much more would be much");
        return;
      }
      return AddToGroup(group, kMoreDeviations * strength, place, resolved);
    case Control::POLARITY_LESS:
      return MakeLess(context, group, strength, place, resolved);
    case Control::POLARITY_NEVER:
      return RemoveWholly(group, place, resolved);
    default:
      resolved.nothing[place].reason = absl::StrCat("this version does not know the polarity ",
                                                    static_cast<int>(control.polarity()));
  }
}

std::string WhyNoEffect(const Control& control, int place, const ResolvedEdits& resolved,
                        const std::vector<bool>& effective) {
  if (resolved.Changed(place, effective)) return "";
  const auto nothing = resolved.nothing.find(place);
  if (nothing != resolved.nothing.end()) return nothing->second.reason;
  return control.polarity() == Control::POLARITY_MORE
             ? "it adds nothing to what is there"
             : "the concept is not active here: nothing to take away";
}

}  // namespace

absl::string_view UserOf(const v1::Subject& subject) {
  if (subject.has_captured_user()) return subject.captured_user().user_id();
  return subject.history().user_id();
}

absl::StatusOr<UserControls> ReadControls(Backend& backend, const Caller& caller,
                                          const std::string& sae, const v1::Subject& subject) {
  if (UserOf(subject).empty()) return UserControls();
  concept_store::v1::ListControlsRequest request;
  request.set_parent(sae);
  request.set_user_id(std::string(UserOf(subject)));
  request.set_page_size(1000);  // a user has 100 at most
  concept_store::v1::ListControlsResponse response;
  const absl::Status status = caller.Call([&](grpc::ClientContext& context) {
    return backend.peers.concept_store.peer().FromGrpc(
        backend.peers.concept_store->ListControls(&context, request, &response));
  });
  if (absl::IsUnimplemented(status)) return UserControls();
  RECSAE_RETURN_IF_ERROR(status);
  return UserControls(response.controls().begin(), response.controls().end());
}

void ResolveControls(const SteeringContext& context, absl::Span<const Control> controls,
                     ResolvedEdits& resolved) {
  for (size_t i = 0; i < controls.size(); ++i) {
    Resolve(context, controls[i], PlaceOfControl(i), resolved);
  }
}

void WriteControls(absl::Span<const Control> controls, const ResolvedEdits& resolved,
                   const std::vector<bool>& effective,
                   google::protobuf::RepeatedPtrField<v1::AppliedControl>* out) {
  for (size_t i = 0; i < controls.size(); ++i) {
    v1::AppliedControl* applied = out->Add();
    applied->set_name(controls[i].name());
    const auto named = resolved.concepts.find(controls[i].lead_latent());
    // As it is called now.
    applied->set_description(named != resolved.concepts.end() && named->second != nullptr
                                 ? named->second->description
                                 : controls[i].description());
    applied->set_polarity(ToProto(controls[i].polarity()));
    applied->set_no_effect(WhyNoEffect(controls[i], PlaceOfControl(i), resolved, effective));
  }
}

absl::Status ApplyControls(Backend& backend, const Caller& caller,
                           const v1::ExplainRequest& request, ResolvedSubject& subject,
                           google::protobuf::RepeatedPtrField<v1::AppliedControl>* out) {
  if (request.ignore_controls()) return absl::OkStatus();
  RECSAE_ASSIGN_OR_RETURN(const UserControls controls,
                          ReadControls(backend, caller, request.sae(), request.subject()));
  if (controls.empty()) return absl::OkStatus();
  const sae::SaeModel& model = subject.sae->model;
  // What is not known of concepts is said by each control.
  backend.concepts.WaitUntilFilled(caller).IgnoreError();
  const SteeringContext context = {
      backend, caller, request.sae(), model,
      ActiveLatents(backend, request.sae(), model.Encode(subject.Activation(0).data()))};
  ResolvedEdits resolved;
  ResolveControls(context, controls, resolved);
  const std::vector<float> baseline = BaselineOf(backend, request.sae());
  SteeringOptions options;
  options.projected = resolved.projected;
  options.lowered = resolved.lowered;
  options.baseline = baseline;
  options.max_change = kDefaultMaxChange;
  RECSAE_ASSIGN_OR_RETURN(SteeredActivation steered,
                          SteerActivation(model, subject.Activation(0), resolved.edits, options));
  WriteControls(controls, resolved, steered.effective, out);
  subject.activations = std::move(steered.activation);
  if (subject.at_inner_site() && !subject.user_activation.empty()) {
    RECSAE_ASSIGN_OR_RETURN(subject.user_activation,
                            ResumeSubject(backend, caller, subject, subject.activations));
  }
  return absl::OkStatus();
}

}  // namespace recsae::explainer
