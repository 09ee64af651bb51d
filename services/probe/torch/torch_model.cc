#include "services/probe/torch/torch_model.h"

#include "common/base/status.h"
#include "services/probe/recommenders/model/weights.h"
#include "services/probe/recommenders/train/training.h"

namespace recsae::probe {
namespace {

ChildTask TrainTask(const RecommenderOptions& options, const Dataset& dataset,
                    const TrainCallback& callback) {
  ChildTask task;
  task.start.mutable_train()->set_options(PackWeights(options, {}));
  task.start.set_parallel_calls(ThreadCount(options.threads));
  task.dataset = &dataset;
  task.on_progress = callback;
  return task;
}

TrainReport ReportOf(const torch_host::v1::Ready& ready) {
  return {.epochs = ready.epochs(),
          .best_epoch = ready.best_epoch(),
          .best_dev_ndcg = ready.best_dev_ndcg()};
}

RemoteDescription DescriptionOf(const torch_host::v1::Ready& ready) {
  RemoteDescription description;
  for (const auto& site : ready.sites()) {
    description.inner_sites.push_back({site.name(), site.dim(), site.per_position()});
  }
  description.items = ready.item_count();
  return description;
}

}  // namespace

TorchModel::TorchModel(const RecommenderOptions& options, Launcher& launcher)
    : RemoteModel(options, {}, nullptr), launcher_(launcher) {}

TorchModel::TorchModel(const RecommenderOptions& options, Launcher& launcher, ChildTask task,
                       ReadyChild child)
    : RemoteModel(options, {}, nullptr), launcher_(launcher) {
  Serve(std::move(task), std::move(child));
}

void TorchModel::Serve(ChildTask task, ReadyChild child) {
  stored_ = task.model;
  torch_link_ =
      std::make_shared<const TorchLink>(launcher_, std::move(task), std::move(child.process));
  Describe(DescriptionOf(child.ready), torch_link_);
}

absl::StatusOr<TrainReport> TorchModel::Train(const Dataset& dataset,
                                              const TrainCallback& callback) {
  if (kind() == RecommenderKind::kTorchscript) return RemoteModel::Train(dataset, callback);
  RECSAE_ASSIGN_OR_RETURN(ReadyChild child,
                          StartChild(launcher_, TrainTask(options_, dataset, callback), {}));
  const TrainReport report = ReportOf(child.ready);
  ChildTask serve;
  serve.start.mutable_serve();
  serve.start.set_parallel_calls(ThreadCount(options_.threads));
  RECSAE_ASSIGN_OR_RETURN(serve.model, SharedBytes::Make(child.model));
  SetHead(std::move(child.item_vectors), {});
  Serve(std::move(serve), std::move(child));
  return report;
}

std::string TorchModel::Save() const { return stored_ == nullptr ? "" : stored_->Read(); }

int64_t TorchModel::bytes_elsewhere() const {
  return torch_link_ == nullptr ? 0 : torch_link_->PrivateBytes();
}

absl::StatusOr<TrainReport> EcfByHost::Train(const Dataset& dataset,
                                             const TrainCallback& callback) {
  RECSAE_ASSIGN_OR_RETURN(const ReadyChild child,
                          StartChild(launcher_, TrainTask(options_, dataset, callback), {}));
  RecommenderOptions options;
  NamedTensors tensors;
  NamedFiles files;
  RECSAE_RETURN_IF_ERROR(UnpackWeights(child.model, &options, &tensors, &files));
  RECSAE_RETURN_IF_ERROR(Load(tensors));
  return ReportOf(child.ready);
}

}  // namespace recsae::probe
