#include "services/explainer/jobs/stability.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/capture_reader.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/jobs/estimate.h"

namespace recsae::explainer {
namespace {

constexpr int kMaxReferenceSaes = 4;
// The cosines of all of them are in memory at once, and the time grows with them.
constexpr int64_t kMostMatchedPairs = int64_t{1} << 28;

absl::Status Refused(const LoadedSae& sae, const LoadedSae& reference, const char* reason,
                     const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat("reference_saes: ", why),
               {{"sae", sae.name}, {"reference_sae", reference.name}});
}

std::string SiteName(const LoadedSae& sae) {
  return sae.probe_site.empty() ? "the vector just before scoring"
                                : absl::StrCat("probe site \"", sae.probe_site, "\"");
}

absl::Status CheckComparable(const LoadedSae& sae, const LoadedSae& reference) {
  constexpr char kWayOut[] = "; take an SAE of the same recommender and site, of another seed";
  if (!sae.recommender.empty() && !reference.recommender.empty() &&
      sae.recommender != reference.recommender) {
    return Refused(
        sae, reference, "RECOMMENDER_MISMATCH",
        absl::StrCat(reference.name, " was trained on activations of ", reference.recommender,
                     ", and ", sae.name, " on those of ", sae.recommender, kWayOut));
  }
  RECSAE_RETURN_IF_ERROR(CheckIncarnation(reference, sae.recommender, sae.recommender_uid));
  if (sae.probe_site != reference.probe_site) {
    return Refused(sae, reference, "PROBE_SITE_MISMATCH",
                   absl::StrCat(reference.name, " reads ", SiteName(reference), ", and ", sae.name,
                                " ", SiteName(sae), kWayOut));
  }
  if (sae.model.dim() != reference.model.dim()) {
    return Refused(sae, reference, "DIMENSION_MISMATCH",
                   absl::StrCat(reference.name, " reads activations of ", reference.model.dim(),
                                " values, and ", sae.name, " of ", sae.model.dim(), kWayOut));
  }
  const int64_t pairs = int64_t{sae.model.latents()} * reference.model.latents();
  if (pairs <= kMostMatchedPairs) return absl::OkStatus();
  return Refused(
      sae, reference, "SAES_TOO_LARGE",
      absl::StrCat(sae.model.latents(), " latents of ", sae.name, " and ",
                   reference.model.latents(), " of ", reference.name, " are more pairs than the ",
                   kMostMatchedPairs, " that are matched here; recsae saes compare takes more"));
}

}  // namespace

void CheckReferenceSaes(const ReferenceNames& names, const std::string& sae, BadRequest& bad) {
  CheckRange("reference_saes", names.size(), 0, kMaxReferenceSaes, bad);
  for (int i = 0; i < std::min(names.size(), kMaxReferenceSaes); ++i) {
    const std::string field = absl::StrCat("reference_saes[", i, "]");
    CheckName(field, names[i], "saes/{sae}", bad);
    if (names[i] == sae) {
      bad.Add(field, absl::StrCat("is ", names[i],
                                  ", the SAE itself, which says nothing of another training"));
    }
    if (std::find(names.begin(), names.begin() + i, names[i]) != names.begin() + i) {
      bad.Add(field, absl::StrCat("names ", names[i], " a second time"));
    }
  }
}

absl::StatusOr<std::vector<std::shared_ptr<const LoadedSae>>> FindReferences(
    Backend& backend, const Caller& caller, const ReferenceNames& names, const LoadedSae& sae) {
  std::vector<std::shared_ptr<const LoadedSae>> references;
  for (const std::string& name : names) {
    RECSAE_ASSIGN_OR_RETURN(std::shared_ptr<const LoadedSae> reference,
                            backend.saes.Get(name, caller));
    RECSAE_RETURN_IF_ERROR(CheckComparable(sae, *reference));
    references.push_back(std::move(reference));
  }
  return references;
}

absl::StatusOr<sae::Matching> MatchReference(Backend& backend, JobContext& job,
                                             const LoadedSae& sae, const LoadedSae& reference) {
  RECSAE_ASSIGN_OR_RETURN(
      const Permit permit,
      backend.memory.Take(StabilityBytes(sae.model, reference.model),
                          absl::StrCat("matching ", sae.name, " with ", reference.name),
                          "reference_saes, or the SAEs' latents"));
  return sae::MatchDirections(sae.model.weights().decoder, reference.model.weights().decoder,
                              sae.model.dim(), [&](int64_t done, int64_t total) -> absl::Status {
                                job.SetProgress(absl::StrCat("matching with ", reference.name),
                                                done, total, "latents");
                                return job.Interrupted();
                              });
}

absl::Status WriteStability(Backend& backend, JobContext& job, const LoadedSae& sae,
                            const std::vector<std::shared_ptr<const LoadedSae>>& references,
                            v1::Evaluation& evaluation) {
  for (const std::shared_ptr<const LoadedSae>& reference : references) {
    RECSAE_ASSIGN_OR_RETURN(const sae::Matching matching,
                            MatchReference(backend, job, sae, *reference));
    const sae::MatchingSummary summary = sae::Summarise(matching);
    v1::Stability* added = evaluation.add_stability();
    added->set_sae(reference->name);
    added->set_pair_count(static_cast<int32_t>(summary.pairs));
    added->set_mean_cosine(summary.mean_cosine);
    added->set_above_7_share(summary.above_7);
  }
  return absl::OkStatus();
}

}  // namespace recsae::explainer
