// What users want more or less of.
#include <google/protobuf/empty.pb.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/caller.h"
#include "common/base/id.h"
#include "common/base/status.h"
#include "common/budget/paging.h"
#include "common/messages/time.h"
#include "common/storage/keys.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/layout.h"
#include "services/concept-store/store/mutation.h"
#include "services/concept-store/store/store.h"
#include "services/concept-store/store/stored.h"
#include "services/concept-store/store/validation.h"

namespace recsae::concept_store {
namespace {

// How long one that expired is still shown to those who ask for it.
constexpr absl::Duration kKeptAfterExpiry = absl::Hours(24);
// Of those, how many a write takes out: more than it adds, few enough not to be felt.
constexpr int kMaxSwept = 20;

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::Time ExpiryOf(const v1::Control& control) {
  return control.has_expire_time() ? TimeOf(control.expire_time()) : absl::InfiniteFuture();
}

// From when on it acts no more.
absl::Time EndOf(const v1::Control& control) {
  if (!control.has_delete_time()) return ExpiryOf(control);
  return std::min(TimeOf(control.delete_time()), ExpiryOf(control));
}

// Or was deleted.
bool Expired(const v1::Control& control, absl::Time now) {
  return control.has_delete_time() || EndOf(control) <= now;
}

// Expired so long ago that it counts as removed, whether a write has taken it out or not.
bool Gone(const v1::Control& control, absl::Time now) {
  return EndOf(control) + kKeptAfterExpiry <= now;
}

absl::Status ControlNotFound(const std::string& name) {
  return Error(
      absl::StatusCode::kNotFound, "CONTROL_NOT_FOUND",
      absl::StrCat("there is no control \"", name, "\"; ListControls tells which there are"),
      {{"control", name}});
}

absl::Status NotDeleted(const std::string& name) {
  return Error(absl::StatusCode::kFailedPrecondition, "CONTROL_NOT_DELETED",
               absl::StrCat(name, " was not deleted: there is nothing to undo"),
               {{"control", name}});
}

absl::Status ExpiredMeanwhile(const v1::Control& control) {
  return Error(absl::StatusCode::kFailedPrecondition, "CONTROL_EXPIRED",
               absl::StrCat(control.name(), " expired at ",
                            absl::FormatTime(ExpiryOf(control), absl::UTCTimeZone()),
                            "; set another one with CreateControl"),
               {{"control", control.name()}});
}

absl::Status ControlsExhausted(const std::string& sae) {
  return Error(absl::StatusCode::kResourceExhausted, "CONTROLS_EXHAUSTED",
               absl::StrCat("the user has ", kMaxControls, " controls of ", sae,
                            ", which is the most; take one back with DeleteControl"),
               {{"sae", sae}, {"limit", absl::StrCat(kMaxControls)}});
}

absl::Status CheckInFuture(const v1::Control& control, absl::Time now) {
  if (!Expired(control, now)) return absl::OkStatus();
  BadRequest bad;
  bad.Add("control.expire_time",
          absl::StrCat("must be in the future, is ",
                       absl::FormatTime(EndOf(control), absl::UTCTimeZone())));
  return bad.ToStatus();
}

// Everything of one control leaves the store.
void Remove(const std::string& sae_id, const v1::Control& control, WriteBatch& batch) {
  const std::string id = ControlIdOf(control.name());
  batch.Delete(kControlFamily, ControlKey(sae_id, control.user_id(), id));
  batch.Delete(kControlUserFamily, ControlUserKey(sae_id, id));
  if (EndOf(control) < absl::InfiniteFuture()) {
    batch.Delete(kControlEndFamily, ControlEndKey(absl::ToUnixSeconds(EndOf(control)), sae_id, id));
  }
}

void Put(const std::string& sae_id, const v1::Control& control, WriteBatch& batch) {
  const std::string id = ControlIdOf(control.name());
  batch.Put(kControlFamily, ControlKey(sae_id, control.user_id(), id), control.SerializeAsString());
  batch.Put(kControlUserFamily, ControlUserKey(sae_id, id), control.user_id());
  if (EndOf(control) < absl::InfiniteFuture()) {
    batch.Put(kControlEndFamily, ControlEndKey(absl::ToUnixSeconds(EndOf(control)), sae_id, id),
              "");
  }
}

}  // namespace

absl::StatusOr<std::vector<v1::Control>> Store::ReadControls(const std::string& sae_id,
                                                             const std::string& user_id) const {
  std::vector<v1::Control> controls;
  auto scan = database_->Scan(kControlFamily, ControlPrefix(sae_id, user_id));
  for (; scan->Valid(); scan->Next()) {
    RECSAE_RETURN_IF_ERROR(ParseStored(scan->value(), scan->key(), &controls.emplace_back()));
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  return controls;
}

absl::Status Store::SweepControls(Mutation& mutation) const {
  const int64_t due = absl::ToUnixSeconds(mutation.now() - kKeptAfterExpiry);
  auto scan = database_->Scan(kControlEndFamily, "");
  for (int swept = 0; scan->Valid() && swept < kMaxSwept; ++swept, scan->Next()) {
    RECSAE_ASSIGN_OR_RETURN(const uint64_t end, StoredNumber(scan->key()));
    if (static_cast<int64_t>(end) >= due) break;
    const std::string user_key(scan->key().substr(8));
    mutation.batch().Delete(kControlEndFamily, scan->key());
    const auto user_id = database_->Get(kControlUserFamily, user_key);
    if (absl::IsNotFound(user_id.status())) continue;  // its SAE was removed
    RECSAE_RETURN_IF_ERROR(user_id.status());
    mutation.batch().Delete(kControlUserFamily, user_key);
    const size_t zero = user_key.find('\0');
    mutation.batch().Delete(
        kControlFamily, ControlKey(user_key.substr(0, zero), *user_id, user_key.substr(zero + 1)));
  }
  return scan->status();
}

absl::Status Store::MakeRoomForControl(const std::string& sae_id, const v1::Control& control,
                                       Mutation& mutation, v1::Control* replaced) const {
  RECSAE_ASSIGN_OR_RETURN(std::vector<v1::Control> present,
                          ReadControls(sae_id, control.user_id()));
  size_t in_force = 0;
  size_t kept = 0;
  for (const v1::Control& other : present) {
    const bool expired = Expired(other, mutation.now());
    if (other.lead_latent() == control.lead_latent()) {
      if (!expired) *replaced = other;
      Remove(sae_id, other, mutation.batch());
      continue;
    }
    ++kept;
    if (!expired) ++in_force;
  }
  if (in_force >= kMaxControls) return ControlsExhausted(SaeName(sae_id));
  // Expired ones make room before their day is over, the oldest first.
  for (const v1::Control& other : present) {
    if (kept < kMaxControls) break;
    if (other.lead_latent() == control.lead_latent() || !Expired(other, mutation.now())) continue;
    Remove(sae_id, other, mutation.batch());
    --kept;
  }
  return absl::OkStatus();
}

absl::Status Store::CheckLead(const std::string& sae_id, int32_t latent,
                              std::string* description) const {
  RECSAE_ASSIGN_OR_RETURN(const int32_t latents, FindSae(sae_id));
  RECSAE_RETURN_IF_ERROR(CheckLatent(sae_id, latents, latent));
  const absl::StatusOr<v1::Concept> found = ReadConcept(sae_id, latent);
  if (absl::IsNotFound(found.status())) return absl::OkStatus();
  RECSAE_RETURN_IF_ERROR(found.status());
  *description = found->description();
  const int32_t lead = found->has_group() ? found->group().lead_latent() : latent;
  if (lead == latent) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "LATENT_NOT_LEAD",
               absl::StrCat("control.lead_latent: latent ", latent, " of ", SaeName(sae_id),
                            " is told together with others whose lead is ", lead, "; name that"),
               {{"sae", SaeName(sae_id)},
                {"latent", absl::StrCat(latent)},
                {"lead_latent", absl::StrCat(lead)}});
}

absl::StatusOr<v1::CreateControlResponse> Store::CreateControl(
    const v1::CreateControlRequest& request) {
  BadRequest bad;
  const absl::StatusOr<std::string> sae_id = ParseSaeName(request.parent());
  bad.Add("parent", sae_id.status());
  CheckControl(request.control(), "control", &bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());

  v1::CreateControlResponse response;
  const auto create = [&](Mutation& mutation) -> absl::Status {
    // Here, so that a repeat gets its answer even after that time.
    RECSAE_RETURN_IF_ERROR(CheckInFuture(request.control(), mutation.now()));
    v1::Control& control = *response.mutable_control();
    control = request.control();
    control.clear_description();
    RECSAE_RETURN_IF_ERROR(
        CheckLead(*sae_id, control.lead_latent(), control.mutable_description()));
    v1::Control replaced;
    RECSAE_RETURN_IF_ERROR(MakeRoomForControl(*sae_id, control, mutation, &replaced));
    if (!replaced.name().empty()) *response.mutable_replaced() = std::move(replaced);
    RECSAE_RETURN_IF_ERROR(SweepControls(mutation));
    control.set_name(ControlName(*sae_id, NewId()));
    if (control.polarity() != v1::Control::POLARITY_NEVER && control.strength() == 0) {
      control.set_strength(1);
    }
    *control.mutable_create_time() = ToTimestamp(mutation.now());
    control.set_creator(CallerName());
    Put(*sae_id, control, mutation.batch());
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(Mutate("CreateControl", request.request_id(), DeterministicBytes(request),
                                &response, create));
  return response;
}

absl::StatusOr<v1::ListControlsResponse> Store::ListControls(
    const v1::ListControlsRequest& request) const {
  BadRequest bad;
  const absl::StatusOr<std::string> sae_id = ParseSaeName(request.parent());
  bad.Add("parent", sae_id.status());
  v1::ListControlsRequest filter = request;
  filter.clear_page_size();
  filter.clear_page_token();
  const std::string filter_bytes = DeterministicBytes(filter);
  const absl::StatusOr<Page> page =
      ReadPage(request.page_size(), request.page_token(), filter_bytes);
  bad.Add(request.page_size() < 0 ? "page_size" : "page_token", page.status());
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  RECSAE_RETURN_IF_ERROR(FindSae(*sae_id).status());

  ScanOptions options;
  // The first key after the last one of the page before.
  if (!page->position.empty()) options.from = page->position + '\0';
  const absl::Time now = now_();
  v1::ListControlsResponse response;
  PageBytes room(page->size);
  std::string last;
  auto scan = database_->Scan(
      kControlFamily,
      request.user_id().empty() ? SaePrefix(*sae_id) : ControlPrefix(*sae_id, request.user_id()),
      options);
  for (; scan->Valid(); scan->Next()) {
    v1::Control control;
    RECSAE_RETURN_IF_ERROR(ParseStored(scan->value(), scan->key(), &control));
    if (request.show_expired() ? Gone(control, now) : Expired(control, now)) continue;
    if (!room.Takes(scan->value().size())) {
      response.set_next_page_token(MakePageToken(last, filter_bytes));
      break;
    }
    last = std::string(scan->key());
    *response.add_controls() = std::move(control);
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  return response;
}

absl::StatusOr<v1::Control> Store::FindControl(const ControlId& id, const std::string& name,
                                               absl::Time now) const {
  RECSAE_RETURN_IF_ERROR(FindSae(id.sae_id).status());
  const auto user_id = database_->Get(kControlUserFamily, ControlUserKey(id.sae_id, id.control_id));
  if (absl::IsNotFound(user_id.status())) return ControlNotFound(name);
  RECSAE_RETURN_IF_ERROR(user_id.status());
  RECSAE_ASSIGN_OR_RETURN(
      const std::string value,
      database_->Get(kControlFamily, ControlKey(id.sae_id, *user_id, id.control_id)));
  v1::Control control;
  RECSAE_RETURN_IF_ERROR(ParseStored(value, name, &control));
  if (Gone(control, now)) return ControlNotFound(name);
  return control;
}

absl::Status Store::DeleteControl(const v1::DeleteControlRequest& request) {
  RECSAE_ASSIGN_OR_RETURN(const ControlId id, ParseControlName(request.name()));
  const auto remove = [&](Mutation& mutation) -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(v1::Control control, FindControl(id, request.name(), mutation.now()));
    if (control.has_delete_time()) return ControlNotFound(request.name());
    mutation.batch().UseReserve();
    Remove(id.sae_id, control, mutation.batch());
    // Of one that has expired there is nothing to undo.
    if (!Expired(control, mutation.now())) {
      *control.mutable_delete_time() = ToTimestamp(mutation.now());
      Put(id.sae_id, control, mutation.batch());
    }
    return SweepControls(mutation);
  };
  google::protobuf::Empty response;
  return Mutate("DeleteControl", request.request_id(), DeterministicBytes(request), &response,
                remove);
}

absl::StatusOr<v1::Control> Store::UndeleteControl(const v1::UndeleteControlRequest& request) {
  RECSAE_ASSIGN_OR_RETURN(const ControlId id, ParseControlName(request.name()));
  v1::Control control;
  const auto restore = [&](Mutation& mutation) -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(control, FindControl(id, request.name(), mutation.now()));
    if (!control.has_delete_time()) return NotDeleted(request.name());
    if (ExpiryOf(control) <= mutation.now()) return ExpiredMeanwhile(control);
    Remove(id.sae_id, control, mutation.batch());
    control.clear_delete_time();
    v1::Control replaced;  // none: another one of the concept would have taken its place
    RECSAE_RETURN_IF_ERROR(MakeRoomForControl(id.sae_id, control, mutation, &replaced));
    Put(id.sae_id, control, mutation.batch());
    return SweepControls(mutation);
  };
  RECSAE_RETURN_IF_ERROR(Mutate("UndeleteControl", request.request_id(),
                                DeterministicBytes(request), &control, restore));
  return control;
}

}  // namespace recsae::concept_store
