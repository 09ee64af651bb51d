#include "services/probe/recommenders/factory.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/recommenders/kinds/general.h"
#include "services/probe/recommenders/model/weights.h"

namespace recsae::probe {
namespace {

absl::Status CheckStored(const RecommenderOptions& options) {
  const absl::Status valid = CheckOptions(options);
  if (valid.ok()) return valid;
  return Error(absl::StatusCode::kDataLoss, "RECOMMENDER_CORRUPT",
               absl::StrCat("stored options: ", std::string(valid.message())));
}

absl::Status NotMadeHere() {
  return Error(absl::StatusCode::kUnimplemented, "RECOMMENDER_KIND_INVALID",
               "recommenders of this kind cannot be trained here");
}

absl::StatusOr<std::unique_ptr<Recommender>> LoadGeneral(absl::string_view bytes) {
  RecommenderOptions options;
  NamedTensors tensors;
  NamedFiles files;
  RECSAE_RETURN_IF_ERROR(UnpackWeights(bytes, &options, &tensors, &files));
  auto recommender = std::make_unique<GeneralRecommender>(options);
  RECSAE_RETURN_IF_ERROR(recommender->Load(tensors));
  return recommender;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Recommender>> NewRecommender(const RecommenderOptions& options,
                                                            const TorchKinds& torch) {
  RECSAE_RETURN_IF_ERROR(CheckOptions(options));
  switch (options.kind) {
    case RecommenderKind::kBprmf:
    case RecommenderKind::kLightgcn:
    case RecommenderKind::kDistillemb:
      return std::make_unique<GeneralRecommender>(options);
    case RecommenderKind::kEcf:
    case RecommenderKind::kSasrec:
    case RecommenderKind::kTimirec:
    case RecommenderKind::kGpt:
    case RecommenderKind::kBert4rec:
      return torch.New(options);
    default:
      return NotMadeHere();
  }
}

absl::StatusOr<std::unique_ptr<Recommender>> LoadRecommender(absl::string_view bytes,
                                                             const TorchKinds& torch) {
  RECSAE_ASSIGN_OR_RETURN(const RecommenderOptions options, UnpackOptions(bytes));
  RECSAE_RETURN_IF_ERROR(CheckStored(options));
  switch (options.kind) {
    case RecommenderKind::kBprmf:
    case RecommenderKind::kLightgcn:
    case RecommenderKind::kEcf:
    case RecommenderKind::kDistillemb:
      return LoadGeneral(bytes);
    case RecommenderKind::kSasrec:
    case RecommenderKind::kTimirec:
    case RecommenderKind::kGpt:
    case RecommenderKind::kBert4rec:
    case RecommenderKind::kTorchscript:
      return torch.Load(bytes);
    default:
      return NotMadeHere();
  }
}

}  // namespace recsae::probe
