#include "services/probe/recommenders/torch/torch_kinds.h"

#include <utility>

#include "services/probe/recommenders/torch/ecf.h"
#include "services/probe/recommenders/torch/sasrec.h"
#include "services/probe/recommenders/torch/timirec.h"
#include "services/probe/recommenders/torch/torchscript.h"

namespace recsae::probe {

absl::Status CheckTrainable(RecommenderKind) { return absl::OkStatus(); }

absl::StatusOr<std::unique_ptr<Recommender>> NewSequenceModel(const RecommenderOptions& options) {
  if (options.kind == RecommenderKind::kTimirec) return std::make_unique<Timirec>(options);
  return std::make_unique<Sasrec>(options);
}

absl::StatusOr<std::unique_ptr<VectorTraining>> NewEcfTraining(const RecommenderOptions& options,
                                                               const Dataset& dataset) {
  return std::make_unique<EcfTraining>(options, dataset);
}

absl::StatusOr<std::unique_ptr<Recommender>> ImportTorchscript(TorchscriptParts parts) {
  return Torchscript::Import(std::move(parts));
}

absl::StatusOr<std::unique_ptr<Recommender>> LoadTorchscript(const RecommenderOptions& options,
                                                             NamedTensors tensors,
                                                             NamedFiles files) {
  return Torchscript::FromStored(options, std::move(tensors), std::move(files));
}

}  // namespace recsae::probe
