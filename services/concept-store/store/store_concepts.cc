// The writes of concepts.
#include <google/protobuf/empty.pb.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/layout.h"
#include "services/concept-store/store/mutation.h"
#include "services/concept-store/store/store.h"
#include "services/concept-store/store/stored.h"
#include "services/concept-store/store/validation.h"

namespace recsae::concept_store {
namespace {

absl::Status CheckEtag(const std::string& etag, const std::string& name,
                       const std::string& current) {
  if (etag.empty() || etag == current) return absl::OkStatus();
  return Error(absl::StatusCode::kAborted, "ETAG_MISMATCH",
               absl::StrCat("concept \"", name, "\" ",
                            current.empty() ? "is no longer there" : "has changed",
                            " since the etag \"", etag, "\": read it again, then write"),
               {{"concept", name}, {"etag", current}});
}

// Content, and a latent and a name that agree with each other and the parent.
void CheckPlacedConcept(const v1::Concept& latent_concept, const std::string& parent,
                        const std::string& field, BadRequest* bad) {
  CheckConcept(latent_concept, field, bad);
  const int32_t latent = latent_concept.latent();
  if (latent < 0) {
    bad->Add(absl::StrCat(field, ".latent"), absl::StrCat("must not be negative, is ", latent));
  }
  const std::string expected = absl::StrCat(parent, "/concepts/", latent);
  if (!latent_concept.name().empty() && latent_concept.name() != expected) {
    bad->Add(absl::StrCat(field, ".name"),
             absl::StrCat("must be empty or \"", expected, "\" as parent and latent tell, is \"",
                          latent_concept.name(), "\""));
  }
}

absl::Status ConceptExists(const std::string& sae_id, int32_t latent) {
  const std::string name = ConceptName(sae_id, latent);
  return Error(
      absl::StatusCode::kAlreadyExists, "CONCEPT_EXISTS",
      absl::StrCat("there is already a concept \"", name, "\"; change it with UpdateConcept"),
      {{"concept", name}});
}

}  // namespace

absl::StatusOr<v1::Concept> Store::CreateConcept(const v1::CreateConceptRequest& request) {
  BadRequest bad;
  const absl::StatusOr<std::string> sae_id = ParseSaeName(request.parent());
  bad.Add("parent", sae_id.status());
  CheckPlacedConcept(request.latent_concept(), request.parent(), "latent_concept", &bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());

  v1::Concept latent_concept = request.latent_concept();
  latent_concept.clear_create_time();
  const auto create = [&](Mutation& mutation) -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const int32_t latents, FindSae(*sae_id));
    RECSAE_RETURN_IF_ERROR(CheckLatent(*sae_id, latents, latent_concept.latent()));
    const absl::Status present = ReadConcept(*sae_id, latent_concept.latent()).status();
    if (present.ok()) return ConceptExists(*sae_id, latent_concept.latent());
    if (!absl::IsNotFound(present)) return present;
    mutation.Upsert(*sae_id, &latent_concept);
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(Mutate("CreateConcept", request.request_id(), DeterministicBytes(request),
                                &latent_concept, create));
  return latent_concept;
}

absl::Status Store::UpsertOne(const std::string& sae_id, int32_t latents, bool keep_edited,
                              v1::Concept* latent_concept, Mutation& mutation) const {
  RECSAE_RETURN_IF_ERROR(CheckLatent(sae_id, latents, latent_concept->latent()));
  const std::string name = ConceptName(sae_id, latent_concept->latent());
  absl::StatusOr<v1::Concept> present = ReadConcept(sae_id, latent_concept->latent());
  if (!present.ok() && !absl::IsNotFound(present.status())) return present.status();
  RECSAE_RETURN_IF_ERROR(
      CheckEtag(latent_concept->etag(), name, present.ok() ? present->etag() : ""));
  latent_concept->clear_create_time();
  if (present.ok() && keep_edited && present->source() == v1::Concept::SOURCE_PERSON) {
    RefreshMeasurements(*latent_concept, &*present);
    *latent_concept = *std::move(present);
  } else if (present.ok()) {
    *latent_concept->mutable_create_time() = present->create_time();
  }
  mutation.Upsert(sae_id, latent_concept);
  return absl::OkStatus();
}

absl::StatusOr<v1::BatchUpsertConceptsResponse> Store::BatchUpsertConcepts(
    const v1::BatchUpsertConceptsRequest& request) {
  BadRequest bad;
  const absl::StatusOr<std::string> sae_id = ParseSaeName(request.parent());
  bad.Add("parent", sae_id.status());
  if (request.concepts_size() > kMaxBatch) {
    bad.Add("concepts", absl::StrCat("must hold at most ", kMaxBatch, " concepts, holds ",
                                     request.concepts_size()));
  }
  std::set<int32_t> seen;
  for (int i = 0; i < request.concepts_size(); ++i) {
    const std::string field = absl::StrCat("concepts[", i, "]");
    CheckPlacedConcept(request.concepts(i), request.parent(), field, &bad);
    if (!seen.insert(request.concepts(i).latent()).second) {
      bad.Add(absl::StrCat(field, ".latent"),
              absl::StrCat("latent ", request.concepts(i).latent(), " comes twice"));
    }
  }
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());

  v1::BatchUpsertConceptsResponse response;
  const auto upsert = [&](Mutation& mutation) -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const int32_t latents, FindSae(*sae_id));
    *response.mutable_concepts() = request.concepts();
    for (v1::Concept& latent_concept : *response.mutable_concepts()) {
      RECSAE_RETURN_IF_ERROR(UpsertOne(*sae_id, latents, request.keep_edited_descriptions(),
                                       &latent_concept, mutation));
    }
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(Mutate("BatchUpsertConcepts", request.request_id(),
                                DeterministicBytes(request), &response, upsert));
  return response;
}

absl::StatusOr<v1::Concept> Store::UpdateConcept(const v1::UpdateConceptRequest& request) {
  BadRequest bad;
  const absl::StatusOr<ConceptId> id = ParseConceptName(request.latent_concept().name());
  bad.Add("latent_concept.name", id.status());
  CheckUpdateMask(request, &bad);
  CheckConcept(request.latent_concept(), "latent_concept", &bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());

  v1::Concept latent_concept;
  const auto update = [&](Mutation& mutation) -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(latent_concept, ReadConcept(id->sae_id, id->latent));
    RECSAE_RETURN_IF_ERROR(
        CheckEtag(request.latent_concept().etag(), latent_concept.name(), latent_concept.etag()));
    ApplyUpdate(request, &latent_concept);
    // Old and new fields may be too large together.
    BadRequest merged;
    CheckConcept(latent_concept, "latent_concept", &merged);
    RECSAE_RETURN_IF_ERROR(merged.ToStatus());
    mutation.Upsert(id->sae_id, &latent_concept);
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(Mutate("UpdateConcept", request.request_id(), DeterministicBytes(request),
                                &latent_concept, update));
  return latent_concept;
}

absl::Status Store::DeleteConcept(const v1::DeleteConceptRequest& request) {
  RECSAE_ASSIGN_OR_RETURN(const ConceptId id, ParseConceptName(request.name()));
  const auto remove = [&](Mutation& mutation) -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const v1::Concept present, ReadConcept(id.sae_id, id.latent));
    RECSAE_RETURN_IF_ERROR(CheckEtag(request.etag(), present.name(), present.etag()));
    mutation.batch().UseReserve();
    mutation.Remove(id.sae_id, id.latent);
    return absl::OkStatus();
  };
  google::protobuf::Empty response;
  return Mutate("DeleteConcept", request.request_id(), DeterministicBytes(request), &response,
                remove);
}

}  // namespace recsae::concept_store
