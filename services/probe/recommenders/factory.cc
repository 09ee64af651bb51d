#include "services/probe/recommenders/factory.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/recommenders/kinds/general.h"
#include "services/probe/recommenders/model/weights.h"
#include "services/probe/recommenders/torch/torch_kinds.h"

namespace recsae::probe {
namespace {

// An untrained one. UNIMPLEMENTED for a kind that cannot be made from options alone.
absl::StatusOr<std::unique_ptr<Recommender>> Make(const RecommenderOptions& options) {
  switch (options.kind) {
    case RecommenderKind::kBprmf:
    case RecommenderKind::kLightgcn:
    case RecommenderKind::kEcf:
    case RecommenderKind::kDistillemb:
      return std::make_unique<GeneralRecommender>(options);
    case RecommenderKind::kSasrec:
    case RecommenderKind::kTimirec:
      return NewSequenceModel(options);
    default:
      return Error(absl::StatusCode::kUnimplemented, "RECOMMENDER_KIND_INVALID",
                   "recommenders of this kind cannot be trained here");
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Recommender>> NewRecommender(const RecommenderOptions& options) {
  RECSAE_RETURN_IF_ERROR(CheckOptions(options));
  return Make(options);
}

absl::StatusOr<std::unique_ptr<Recommender>> LoadRecommender(absl::string_view bytes) {
  RecommenderOptions options;
  NamedTensors tensors;
  NamedFiles files;
  RECSAE_RETURN_IF_ERROR(UnpackWeights(bytes, &options, &tensors, &files));
  if (const absl::Status valid = CheckOptions(options); !valid.ok()) {
    return Error(absl::StatusCode::kDataLoss, "RECOMMENDER_CORRUPT",
                 absl::StrCat("stored options: ", std::string(valid.message())));
  }
  if (options.kind == RecommenderKind::kTorchscript) {
    return LoadTorchscript(options, std::move(tensors), std::move(files));
  }
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Recommender> recommender, Make(options));
  RECSAE_RETURN_IF_ERROR(recommender->Load(tensors));
  return recommender;
}

}  // namespace recsae::probe
