#include "services/torch-host/kinds/in_process.h"

#include <utility>

#include "common/base/status.h"
#include "services/probe/recommenders/kinds/general.h"
#include "services/probe/recommenders/model/weights.h"
#include "services/torch-host/models/ecf.h"
#include "services/torch-host/models/timirec.h"
#include "services/torch-host/models/transformer.h"
#include "services/torch-host/modules/torchscript.h"

namespace recsae::probe {
namespace {

class Ecf : public GeneralRecommender {
 public:
  using GeneralRecommender::GeneralRecommender;

 protected:
  absl::StatusOr<std::unique_ptr<VectorTraining>> NewTraining(
      const Dataset& dataset) const override {
    return std::make_unique<EcfTraining>(options_, dataset);
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Recommender>> InProcessTorch::New(
    const RecommenderOptions& options) const {
  switch (options.kind) {
    case RecommenderKind::kEcf:
      return std::make_unique<Ecf>(options);
    case RecommenderKind::kTimirec:
      return std::make_unique<Timirec>(options);
    default:
      return std::make_unique<Transformer>(options);
  }
}

absl::StatusOr<std::unique_ptr<Recommender>> InProcessTorch::Load(absl::string_view stored) const {
  RECSAE_ASSIGN_OR_RETURN(const RecommenderOptions kind, UnpackOptions(stored));
  if (kind.kind == RecommenderKind::kTorchscript) return Torchscript::FromStored(stored);
  RecommenderOptions options;
  NamedTensors tensors;
  NamedFiles files;
  RECSAE_RETURN_IF_ERROR(UnpackWeights(stored, &options, &tensors, &files));
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Recommender> recommender, New(options));
  RECSAE_RETURN_IF_ERROR(recommender->Load(tensors));
  return recommender;
}

absl::StatusOr<std::unique_ptr<Recommender>> InProcessTorch::Import(
    StoredModule module, int64_t users, const std::function<bool()>& /*cancelled*/) const {
  return Torchscript::Import(std::move(module), users);
}

}  // namespace recsae::probe
