// What everyone gets of an SAE's recommender.
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/layout.h"
#include "services/concept-store/store/mutation.h"
#include "services/concept-store/store/sae_record.h"
#include "services/concept-store/store/store.h"
#include "services/concept-store/store/stored.h"

namespace recsae::concept_store {
namespace {

absl::Status BaselineNotFound(const std::string& name) {
  return Error(absl::StatusCode::kNotFound, "BASELINE_NOT_FOUND",
               absl::StrCat("\"", name, "\" has no baseline; BuildConcepts sets it"),
               {{"sae", name}});
}

}  // namespace

absl::Status CheckSubject(const v1::Erasure& erasure, const std::string& field, int latents) {
  BadRequest bad;
  if (erasure.subject_case() == v1::Erasure::SUBJECT_NOT_SET) {
    bad.Add(field, "must be of a latent or of an attribute");
  } else if (erasure.has_attribute() && erasure.attribute().value().empty()) {
    bad.Add(absl::StrCat(field, ".attribute.value"), "must not be empty");
  } else if (erasure.has_latent() && (erasure.latent() < 0 || erasure.latent() >= latents)) {
    bad.Add(absl::StrCat(field, ".latent"),
            absl::StrCat("must be from 0 to ", latents - 1, ", is ", erasure.latent()));
  }
  return bad.ToStatus();
}

absl::Status CheckErasures(const v1::Baseline& baseline, const v1::Sae& sae) {
  for (int i = 0; i < baseline.erasures_size(); ++i) {
    const v1::Erasure& erasure = baseline.erasures(i);
    const std::string field = absl::StrCat("baseline.erasures[", i, "]");
    RECSAE_RETURN_IF_ERROR(CheckSubject(erasure, field, sae.latent_count()));
    RECSAE_ASSIGN_OR_RETURN(const MatrixView covariances,
                            ReadMatrix(erasure.covariances(), absl::StrCat(field, ".covariances"),
                                       kAnySize, sae.activation_dim()));
    RECSAE_RETURN_IF_ERROR(ReadMatrix(erasure.readers(), absl::StrCat(field, ".readers"),
                                      covariances.rows, sae.activation_dim())
                               .status());
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Baseline> Store::SetBaseline(const v1::SetBaselineRequest& request) {
  BadRequest bad;
  const absl::StatusOr<std::string> sae_id = ParseSaeName(request.baseline().sae());
  bad.Add("baseline.sae", sae_id.status());
  if (request.baseline().row_count() <= 0) {
    bad.Add("baseline.row_count",
            absl::StrCat("must be at least 1, is ", request.baseline().row_count()));
  }
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());

  v1::Baseline baseline;
  const auto set = [&](Mutation& mutation) -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const SaeRecord record, ReadSae(*sae_id));
    const int dim = record.sae.activation_dim();
    RECSAE_RETURN_IF_ERROR(
        ReadVector(request.baseline().activation(), "baseline.activation", dim).status());
    RECSAE_RETURN_IF_ERROR(
        ReadVector(request.baseline().reconstruction(), "baseline.reconstruction", dim).status());
    RECSAE_RETURN_IF_ERROR(CheckErasures(request.baseline(), record.sae));
    baseline = request.baseline();
    mutation.SetBaseline(*sae_id, &baseline);
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(
      Mutate("SetBaseline", request.request_id(), DeterministicBytes(request), &baseline, set));
  return baseline;
}

absl::StatusOr<v1::Baseline> Store::GetBaseline(const v1::GetBaselineRequest& request) const {
  RECSAE_ASSIGN_OR_RETURN(const std::string sae_id, ParseSaeName(request.parent()));
  const auto value = database_->Get(kBaselineFamily, sae_id);
  if (absl::IsNotFound(value.status())) {
    RECSAE_RETURN_IF_ERROR(FindSae(sae_id).status());
    return BaselineNotFound(request.parent());
  }
  RECSAE_RETURN_IF_ERROR(value.status());
  v1::Baseline baseline;
  RECSAE_RETURN_IF_ERROR(ParseStored(*value, request.parent(), &baseline));
  return baseline;
}

}  // namespace recsae::concept_store
