// Steer.
#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/calls/explain_call.h"
#include "services/explainer/steering/steering.h"

namespace recsae::explainer {
namespace {

constexpr int kMaxEdits = 1000;
constexpr int kMaxLatentsOfText = 100;

using ConceptPtr = std::shared_ptr<const CachedConcept>;
// The concepts of the latents that edits name; null where there is none.
using NamedConcepts = std::unordered_map<int32_t, ConceptPtr>;

void CheckOperation(const v1::Edit& edit, absl::string_view field, BadRequest& bad) {
  switch (edit.operation_case()) {
    case v1::Edit::kScale:
      if (!std::isfinite(edit.scale())) bad.Add(absl::StrCat(field, ".scale"), "must be finite");
      break;
    case v1::Edit::kAdd:
      if (!std::isfinite(edit.add())) bad.Add(absl::StrCat(field, ".add"), "must be finite");
      break;
    case v1::Edit::kSet:
      if (!std::isfinite(edit.set()) || edit.set() < 0) {
        bad.Add(absl::StrCat(field, ".set"),
                absl::StrCat("must be finite and at least 0, is ", edit.set()));
      }
      break;
    case v1::Edit::kRemove:
      if (!edit.remove()) bad.Add(absl::StrCat(field, ".remove"), "must be true where it is given");
      break;
    case v1::Edit::OPERATION_NOT_SET:
      bad.Add(field, "must hold scale, add, set or remove");
      break;
  }
}

void CheckEdit(const v1::Edit& edit, absl::string_view field, BadRequest& bad) {
  if (edit.target_case() == v1::Edit::TARGET_NOT_SET) {
    bad.Add(field, "must name a latent or hold text");
  } else if (edit.has_text() && edit.text().find_first_not_of(" \t\n") == std::string::npos) {
    bad.Add(absl::StrCat(field, ".text"), "must hold a word");
  }
  CheckOperation(edit, field, bad);
  CheckRange(absl::StrCat(field, ".max_latents"), edit.max_latents(), 0, kMaxLatentsOfText, bad);
}

absl::Status CheckRequest(const v1::SteerRequest& request) {
  BadRequest bad;
  CheckName("sae", request.sae(), "saes/{sae}", bad);
  CheckSubject(request.subject(), "subject", bad);
  CheckRange("top_item_count", request.top_item_count(), 0, kMaxTopItems, bad);
  if (request.edits().empty() || request.edits_size() > kMaxEdits) {
    bad.Add("edits", absl::StrCat("must be 1 to ", kMaxEdits, ", are ", request.edits_size()));
  }
  const int checked = std::min(request.edits_size(), kMaxEdits);
  for (int i = 0; i < checked; ++i) {
    CheckEdit(request.edits(i), absl::StrCat("edits[", i, "]"), bad);
  }
  if (!v1::SteerRequest::Mode_IsValid(request.mode())) {
    bad.Add("mode", absl::StrCat("no mode has the number ", static_cast<int>(request.mode())));
  }
  return bad.ToStatus();
}

// The latents whose concepts match the words of an edit best.
absl::StatusOr<std::vector<int32_t>> SearchLatents(Backend& backend, const Caller& caller,
                                                   const std::string& sae, const v1::Edit& edit,
                                                   NamedConcepts& concepts) {
  concept_store::v1::SearchConceptsResponse response;
  RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
    concept_store::v1::SearchConceptsRequest request;
    request.set_parent(sae);
    request.set_query(edit.text());
    request.set_max_results(std::max(edit.max_latents(), 1));
    return backend.peers.concept_store.peer().FromGrpc(
        backend.peers.concept_store->SearchConcepts(&context, request, &response));
  }));
  if (response.matches().empty()) {
    return Error(absl::StatusCode::kNotFound, "CONCEPT_NOT_FOUND",
                 absl::StrCat("no concept of ", sae, " matches \"", edit.text(),
                              "\"; try other words, or name a latent"),
                 {{"sae", sae}, {"text", edit.text()}});
  }
  std::vector<int32_t> latents;
  for (const auto& match : response.matches()) {
    const auto& latent_concept = match.latent_concept();
    latents.push_back(latent_concept.latent());
    // What the store says now, even where the feed is a moment behind.
    concepts[latent_concept.latent()] =
        std::make_shared<const CachedConcept>(CachedConcept::From(latent_concept));
  }
  return latents;
}

absl::StatusOr<LatentEdit> ResolveEdit(const v1::Edit& edit, const std::string& sae, int32_t latent,
                                       const CachedConcept* latent_concept) {
  switch (edit.operation_case()) {
    case v1::Edit::kScale:
      return LatentEdit{latent, LatentEdit::Operation::kScale, edit.scale()};
    case v1::Edit::kSet:
      return LatentEdit{latent, LatentEdit::Operation::kSet, edit.set()};
    case v1::Edit::kAdd:
      if (latent_concept == nullptr) {
        return Error(absl::StatusCode::kFailedPrecondition, "LATENT_STATISTICS_UNKNOWN",
                     absl::StrCat("latent ", latent, " of ", sae,
                                  " has no concept, so its standard deviation is not known and "
                                  "nothing can be added in its units; use scale or set"),
                     {{"sae", sae}, {"latent", absl::StrCat(latent)}});
      }
      return LatentEdit{latent, LatentEdit::Operation::kAdd,
                        edit.add() * latent_concept->statistics.standard_deviation};
    default:
      return LatentEdit{latent, LatentEdit::Operation::kRemove, 0};
  }
}

// Edits of latents, and the place in the request of the edit that each comes from.
struct ResolvedEdits {
  std::vector<LatentEdit> edits;
  std::vector<int> origins;
};

// From edits by number or words to edits of latents; the concepts they name go to `concepts`.
absl::StatusOr<ResolvedEdits> ResolveEdits(Backend& backend, const Caller& caller,
                                           const v1::SteerRequest& request, int latents,
                                           NamedConcepts& concepts) {
  // An error here matters only to a latent whose concept is needed and not found.
  const absl::Status filled = backend.concepts.WaitUntilFilled(caller);
  ResolvedEdits all;
  for (int i = 0; i < request.edits_size(); ++i) {
    const v1::Edit& edit = request.edits(i);
    std::vector<int32_t> targets = {edit.latent()};
    if (edit.has_text()) {
      RECSAE_ASSIGN_OR_RETURN(targets,
                              SearchLatents(backend, caller, request.sae(), edit, concepts));
    } else if (edit.latent() < 0 || edit.latent() >= latents) {
      BadRequest bad;
      CheckRange(absl::StrCat("edits[", i, "].latent"), edit.latent(), 0, latents - 1, bad);
      return bad.ToStatus();
    } else if (!concepts.contains(edit.latent())) {
      concepts[edit.latent()] = backend.concepts.Lookup(request.sae(), edit.latent());
    }
    for (const int32_t latent : targets) {
      const CachedConcept* latent_concept = concepts[latent].get();
      if (edit.has_add() && latent_concept == nullptr) RECSAE_RETURN_IF_ERROR(filled);
      RECSAE_ASSIGN_OR_RETURN(const LatentEdit resolved,
                              ResolveEdit(edit, request.sae(), latent, latent_concept));
      all.edits.push_back(resolved);
      all.origins.push_back(i);
    }
  }
  return all;
}

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

// Edits of the request of which no latent changed.
void WriteIneffective(const v1::SteerRequest& request, const ResolvedEdits& resolved,
                      const std::vector<bool>& effective, v1::SteerResponse* response) {
  size_t e = 0;
  for (int i = 0; i < request.edits_size(); ++i) {
    v1::IneffectiveEdit ineffective;
    ineffective.set_edit(i);
    bool changed = false;
    for (; e < resolved.edits.size() && resolved.origins[e] == i; ++e) {
      changed = changed || effective[e];
      ineffective.add_latents(resolved.edits[e].latent);
    }
    if (changed) continue;
    ineffective.set_reason(WhyIneffective(request.edits(i), ineffective));
    *response->add_ineffective_edits() = std::move(ineffective);
  }
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

// The vector just before scoring that a changed activation of an inner site leads to.
absl::StatusOr<std::vector<float>> Resume(Backend& backend, const Caller& caller,
                                          const ResolvedSubject& subject,
                                          const std::vector<float>& activation) {
  const auto dim = static_cast<int64_t>(activation.size());
  return ResumeFromSite(backend, caller, subject.recommender->resource.name(),
                        subject.sae->probe_site, {&subject.query, 1}, {activation.data(), 1, dim},
                        subject.head()->dim);
}

}  // namespace

absl::Status Steer(Backend& backend, const Caller& caller, const v1::SteerRequest& request,
                   v1::SteerResponse* response) {
  RECSAE_RETURN_IF_ERROR(CheckRequest(request));
  RECSAE_ASSIGN_OR_RETURN(const ResolvedSubject subject,
                          ResolveSubject(backend, caller, request.sae(), request.subject(),
                                         {request.exclude_item_ids().data(),
                                          static_cast<size_t>(request.exclude_item_ids_size())},
                                         request.keep_seen_items()));
  if (subject.rows != 1) {
    return Error(absl::StatusCode::kInvalidArgument, "TENSOR_SHAPE_MISMATCH",
                 absl::StrCat("subject.activations: one activation is steered in a call, not ",
                              subject.rows));
  }
  if (subject.at_inner_site() && subject.user_activation.empty()) return HistoryNeeded(subject);
  const sae::SaeModel& model = subject.sae->model;
  NamedConcepts concepts;
  RECSAE_ASSIGN_OR_RETURN(const ResolvedEdits resolved,
                          ResolveEdits(backend, caller, request, model.latents(), concepts));
  const SteeringMode mode = request.mode() == v1::SteerRequest::MODE_RECONSTRUCTION
                                ? SteeringMode::kReconstruction
                                : SteeringMode::kDelta;
  RECSAE_ASSIGN_OR_RETURN(const SteeredActivation steered,
                          SteerActivation(model, subject.Activation(0), resolved.edits, mode));

  WriteVector(steered.activation, response->mutable_activation());
  for (const LatentChange& change : steered.changes) {
    v1::AppliedEdit* applied = response->add_edits();
    applied->set_latent(change.latent);
    if (const ConceptPtr& named = concepts[change.latent]; named != nullptr) {
      applied->set_description(named->description);
    }
    applied->set_activation_before(change.before);
    applied->set_activation_after(change.after);
  }
  WriteIneffective(request, resolved, steered.effective, response);
  for (const std::string& id : subject.unknown_items) response->add_unknown_item_ids(id);
  for (const std::string& warning : subject.warnings) response->add_warnings(warning);
  if (subject.head() == nullptr) return absl::OkStatus();
  const int top = request.top_item_count() == 0 ? kDefaultTopItems : request.top_item_count();
  absl::Span<const float> before = subject.Activation(0), after = steered.activation;
  std::vector<float> resumed;
  if (subject.at_inner_site()) {
    RECSAE_ASSIGN_OR_RETURN(resumed, Resume(backend, caller, subject, steered.activation));
    before = subject.user_activation;
    after = resumed;
  }
  const ComparedRecommendations compared =
      CompareRecommendations(*subject.head(), before, after, top, subject.excluded);
  WriteItems(*subject.recommender, compared.before, response->mutable_before());
  WriteItems(*subject.recommender, compared.after, response->mutable_after());
  return absl::OkStatus();
}

}  // namespace recsae::explainer
