// What runs on libtorch, as the rest of the probe asks for it. torch_kinds.cc does it; in a build
// without libtorch (RECSAE_TORCH=OFF) without_torch.cc refuses it.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TORCH_TORCH_KINDS_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TORCH_TORCH_KINDS_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/weights.h"
#include "services/probe/recommenders/torch/torchscript_parts.h"
#include "services/probe/recommenders/train/vector_training.h"

namespace recsae::probe {

// UNIMPLEMENTED (RECOMMENDER_KIND_UNAVAILABLE; metadata `kind`, `missing`) if this build cannot
// train recommenders of this kind, or import them. The functions below then say the same.
absl::Status CheckTrainable(RecommenderKind kind);

// An untrained one of kind kSasrec or kTimirec.
absl::StatusOr<std::unique_ptr<Recommender>> NewSequenceModel(const RecommenderOptions& options);

// Of kind kEcf. The data set must outlive it.
absl::StatusOr<std::unique_ptr<VectorTraining>> NewEcfTraining(const RecommenderOptions& options,
                                                               const Dataset& dataset);

// Errors: Torchscript::Import, Torchscript::FromStored.
absl::StatusOr<std::unique_ptr<Recommender>> ImportTorchscript(TorchscriptParts parts);
absl::StatusOr<std::unique_ptr<Recommender>> LoadTorchscript(const RecommenderOptions& options,
                                                             NamedTensors tensors,
                                                             NamedFiles files);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TORCH_TORCH_KINDS_H_
