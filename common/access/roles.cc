#include "common/access/roles.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/strip.h"

namespace recsae {
namespace {

struct MethodRole {
  absl::string_view path;
  Role role;
};

constexpr MethodRole kMethods[] = {
    // Health
    {"/grpc.health.v1.Health/Check", Role::kAnyone},
    {"/grpc.health.v1.Health/Watch", Role::kAnyone},
    // Jobs
    {"/recsae.jobs.v1.Jobs/GetJob", Role::kReader},
    {"/recsae.jobs.v1.Jobs/ListJobs", Role::kReader},
    {"/recsae.jobs.v1.Jobs/WatchJob", Role::kReader},
    {"/recsae.jobs.v1.Jobs/CancelJob", Role::kWriter},
    {"/recsae.jobs.v1.Jobs/DeleteJob", Role::kAdmin},
    // Probe
    {"/recsae.probe.v1.Probe/GetDataset", Role::kReader},
    {"/recsae.probe.v1.Probe/CreateCatalog", Role::kWriter},
    {"/recsae.probe.v1.Probe/UploadItems", Role::kWriter},
    {"/recsae.probe.v1.Probe/GetCatalog", Role::kReader},
    {"/recsae.probe.v1.Probe/ListCatalogs", Role::kReader},
    {"/recsae.probe.v1.Probe/DeleteCatalog", Role::kAdmin},
    {"/recsae.probe.v1.Probe/ListItems", Role::kReader},
    {"/recsae.probe.v1.Probe/ReadItems", Role::kReader},
    {"/recsae.probe.v1.Probe/CreateRecommender", Role::kWriter},
    {"/recsae.probe.v1.Probe/TrainRecommender", Role::kWriter},
    {"/recsae.probe.v1.Probe/GetRecommender", Role::kReader},
    {"/recsae.probe.v1.Probe/ImportRecommender", Role::kAdmin},
    {"/recsae.probe.v1.Probe/ListRecommenders", Role::kReader},
    {"/recsae.probe.v1.Probe/DeleteRecommender", Role::kAdmin},
    {"/recsae.probe.v1.Probe/UploadPredictionHead", Role::kWriter},
    {"/recsae.probe.v1.Probe/ReadPredictionHead", Role::kReader},
    {"/recsae.probe.v1.Probe/ComputeActivations", Role::kReader},
    {"/recsae.probe.v1.Probe/ResumeFromSite", Role::kReader},
    {"/recsae.probe.v1.Probe/WatchResources", Role::kReader},
    {"/recsae.probe.v1.Probe/CreateCapture", Role::kWriter},
    {"/recsae.probe.v1.Probe/CaptureActivations", Role::kWriter},
    {"/recsae.probe.v1.Probe/RecordActivations", Role::kWriter},
    {"/recsae.probe.v1.Probe/GetCapture", Role::kReader},
    {"/recsae.probe.v1.Probe/ListCaptures", Role::kReader},
    {"/recsae.probe.v1.Probe/DeleteCapture", Role::kAdmin},
    {"/recsae.probe.v1.Probe/ReadActivations", Role::kReader},
    {"/recsae.probe.v1.Probe/BatchGetCases", Role::kReader},
    // ModelHosts
    {"/recsae.hosts.v1.ModelHosts/HostRecommender", Role::kWriter},
    // Trainer
    {"/recsae.trainer.v1.Trainer/TrainSae", Role::kWriter},
    {"/recsae.trainer.v1.Trainer/TrainSaes", Role::kWriter},
    {"/recsae.trainer.v1.Trainer/ResolveConfig", Role::kReader},
    // ConceptStore
    {"/recsae.concept_store.v1.ConceptStore/PublishSae", Role::kWriter},
    {"/recsae.concept_store.v1.ConceptStore/GetSae", Role::kReader},
    {"/recsae.concept_store.v1.ConceptStore/ListSaes", Role::kReader},
    {"/recsae.concept_store.v1.ConceptStore/DeleteSae", Role::kAdmin},
    {"/recsae.concept_store.v1.ConceptStore/ReadSaeWeights", Role::kReader},
    {"/recsae.concept_store.v1.ConceptStore/SetBaseline", Role::kWriter},
    {"/recsae.concept_store.v1.ConceptStore/GetBaseline", Role::kReader},
    {"/recsae.concept_store.v1.ConceptStore/CreateControl", Role::kWriter},
    {"/recsae.concept_store.v1.ConceptStore/ListControls", Role::kReader},
    // Who may set a control may take it back.
    {"/recsae.concept_store.v1.ConceptStore/DeleteControl", Role::kWriter},
    {"/recsae.concept_store.v1.ConceptStore/CreateConcept", Role::kWriter},
    {"/recsae.concept_store.v1.ConceptStore/BatchUpsertConcepts", Role::kWriter},
    {"/recsae.concept_store.v1.ConceptStore/GetConcept", Role::kReader},
    {"/recsae.concept_store.v1.ConceptStore/ListConcepts", Role::kReader},
    {"/recsae.concept_store.v1.ConceptStore/UpdateConcept", Role::kWriter},
    {"/recsae.concept_store.v1.ConceptStore/DeleteConcept", Role::kAdmin},
    {"/recsae.concept_store.v1.ConceptStore/SearchConcepts", Role::kReader},
    {"/recsae.concept_store.v1.ConceptStore/ListConceptRevisions", Role::kReader},
    {"/recsae.concept_store.v1.ConceptStore/WatchConcepts", Role::kReader},
    // Explainer
    {"/recsae.explainer.v1.Explainer/BuildConcepts", Role::kWriter},
    {"/recsae.explainer.v1.Explainer/EvaluateSae", Role::kWriter},
    {"/recsae.explainer.v1.Explainer/EvaluateSteering", Role::kWriter},
    {"/recsae.explainer.v1.Explainer/Explain", Role::kReader},
    {"/recsae.explainer.v1.Explainer/Steer", Role::kReader},
    {"/recsae.explainer.v1.Explainer/FindCounterfactual", Role::kReader},
    {"/recsae.explainer.v1.Explainer/ResolveWishes", Role::kReader},
    // Backups
    {"/recsae.backups.v1.Backups/CreateBackup", Role::kAdmin},
    {"/recsae.backups.v1.Backups/ListBackups", Role::kAdmin},
    {"/recsae.backups.v1.Backups/VerifyBackup", Role::kAdmin},
    // gRPC's reflection
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Role::kReader},
    {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Role::kReader},
};

}  // namespace

std::optional<Role> ParseRole(absl::string_view text) {
  for (const Role role : {Role::kReader, Role::kWriter, Role::kAdmin}) {
    if (text == RoleName(role)) return role;
  }
  return std::nullopt;
}

std::optional<Role> RoleOfUri(absl::string_view uri) {
  if (!absl::ConsumePrefix(&uri, "recsae:role/")) return std::nullopt;
  return ParseRole(uri);
}

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kAnyone:
      return "anyone";
    case Role::kReader:
      return "reader";
    case Role::kWriter:
      return "writer";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

std::optional<Role> NeededRole(absl::string_view path) {
  const auto* found = std::find_if(std::begin(kMethods), std::end(kMethods),
                                   [path](const MethodRole& entry) { return entry.path == path; });
  if (found == std::end(kMethods)) return std::nullopt;
  return found->role;
}

std::vector<std::string> PathsWithRoles() {
  std::vector<std::string> paths;
  for (const MethodRole& entry : kMethods) paths.emplace_back(entry.path);
  return paths;
}

}  // namespace recsae
