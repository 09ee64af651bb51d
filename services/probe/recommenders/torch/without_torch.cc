// The probe without libtorch: says which kinds it lacks.
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/recommenders/torch/torch_kinds.h"

namespace recsae::probe {
namespace {

// The kind's name, as people write it, if it needs libtorch, else null.
const char* NameIfLacking(RecommenderKind kind) {
  switch (kind) {
    case RecommenderKind::kSasrec:
      return "SASREC";
    case RecommenderKind::kTimirec:
      return "TIMIREC";
    case RecommenderKind::kEcf:
      return "ECF";
    case RecommenderKind::kTorchscript:
      return "TORCHSCRIPT";
    case RecommenderKind::kBprmf:
    case RecommenderKind::kLightgcn:
    case RecommenderKind::kDistillemb:
    case RecommenderKind::kHosted:
      break;
  }
  return nullptr;
}

}  // namespace

absl::Status CheckTrainable(RecommenderKind kind) {
  const char* name = NameIfLacking(kind);
  if (name == nullptr) return absl::OkStatus();
  return Error(absl::StatusCode::kUnimplemented, "RECOMMENDER_KIND_UNAVAILABLE",
               absl::StrCat("recommenders of kind ", name,
                            " need libtorch, which this probe was built without: use one that was "
                            "built with RECSAE_TORCH=ON, or another kind (BPRMF, LIGHTGCN, "
                            "DISTILLEMB)"),
               {{"kind", name}, {"missing", "libtorch"}});
}

absl::StatusOr<std::unique_ptr<Recommender>> NewSequenceModel(const RecommenderOptions& options) {
  return CheckTrainable(options.kind);
}

absl::StatusOr<std::unique_ptr<VectorTraining>> NewEcfTraining(const RecommenderOptions& options,
                                                               const Dataset&) {
  return CheckTrainable(options.kind);
}

absl::StatusOr<std::unique_ptr<Recommender>> ImportTorchscript(TorchscriptParts) {
  return CheckTrainable(RecommenderKind::kTorchscript);
}

absl::StatusOr<std::unique_ptr<Recommender>> LoadTorchscript(const RecommenderOptions&,
                                                             NamedTensors, NamedFiles) {
  return CheckTrainable(RecommenderKind::kTorchscript);
}

}  // namespace recsae::probe
