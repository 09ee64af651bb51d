// Recommenders that recsae-torch-host trains or runs.
#ifndef RECSAE_SERVICES_PROBE_TORCH_TORCH_MODEL_H_
#define RECSAE_SERVICES_PROBE_TORCH_TORCH_MODEL_H_

#include <memory>
#include <string>
#include <utility>

#include "services/probe/hosts/remote_model.h"
#include "services/probe/recommenders/kinds/general.h"
#include "services/probe/torch/launcher.h"
#include "services/probe/torch/shared_bytes.h"
#include "services/probe/torch/start_child.h"
#include "services/probe/torch/torch_link.h"

namespace recsae::probe {

// SASRec, TiMiRec, GPT, BERT4Rec or a module. The launcher outlives it.
class TorchModel : public RemoteModel {
 public:
  // Untrained.
  TorchModel(const RecommenderOptions& options, Launcher& launcher);
  // Of a child that serves `task.model`.
  TorchModel(const RecommenderOptions& options, Launcher& launcher, ChildTask task,
             ReadyChild child);

  // Errors: StartChild. For modules FAILED_PRECONDITION (RECOMMENDER_KIND_INVALID).
  absl::StatusOr<TrainReport> Train(const Dataset& dataset, const TrainCallback& callback) override;
  std::string Save() const override;
  int64_t bytes_elsewhere() const override;

 private:
  void Serve(ChildTask task, ReadyChild child);

  Launcher& launcher_;
  std::shared_ptr<const SharedBytes> stored_;
  std::shared_ptr<const TorchLink> torch_link_;
};

// ECF, which is trained there and then served here.
class EcfByHost : public GeneralRecommender {
 public:
  EcfByHost(const RecommenderOptions& options, Launcher& launcher)
      : GeneralRecommender(options), launcher_(launcher) {}

  // Errors: StartChild.
  absl::StatusOr<TrainReport> Train(const Dataset& dataset, const TrainCallback& callback) override;

 private:
  Launcher& launcher_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_TORCH_TORCH_MODEL_H_
