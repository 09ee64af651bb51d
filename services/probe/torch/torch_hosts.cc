#include "services/probe/torch/torch_hosts.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/recommenders/model/weights.h"
#include "services/probe/recommenders/train/training.h"
#include "services/probe/torch/torch_model.h"

namespace recsae::probe {
namespace {

constexpr int64_t kMaxSiteDim = 65'536;

// The kind's name, as people write it, if it needs libtorch, else null.
const char* NameIfTorch(RecommenderKind kind) {
  switch (kind) {
    case RecommenderKind::kSasrec:
      return "SASREC";
    case RecommenderKind::kTimirec:
      return "TIMIREC";
    case RecommenderKind::kGpt:
      return "GPT";
    case RecommenderKind::kBert4rec:
      return "BERT4REC";
    case RecommenderKind::kEcf:
      return "ECF";
    case RecommenderKind::kTorchscript:
      return "TORCHSCRIPT";
    default:
      return nullptr;
  }
}

absl::Status Missing(const char* name, const absl::Status& why) {
  return Error(absl::StatusCode::kUnimplemented, "RECOMMENDER_KIND_UNAVAILABLE",
               absl::StrCat("recommenders of kind ", name,
                            " need recsae-torch-host, which is not installed here: ",
                            std::string(why.message()),
                            "; install it, say where it is with --torch-host, or take another kind "
                            "(BPRMF, LIGHTGCN, DISTILLEMB)"),
               {{"kind", name}, {"missing", "recsae-torch-host"}});
}

absl::Status ModulesDisabled() {
  return Error(
      absl::StatusCode::kFailedPrecondition, "MODULES_DISABLED",
      "this server runs no TorchScript modules, which are code of whoever sends them: start "
      "it with --allow-modules, or host the recommender from Python, which needs no such "
      "permission (docs/hosts.md)");
}

// What a child that runs somebody else's code says of the sites that it was asked for.
absl::Status TakeSites(const torch_host::v1::Ready& ready, std::vector<ModuleSite>* sites) {
  bool fits = ready.sites_size() == static_cast<int>(sites->size());
  for (size_t i = 0; fits && i < sites->size(); ++i) {
    const auto& found = ready.sites(static_cast<int>(i));
    ModuleSite& site = (*sites)[i];
    fits = found.name() == site.site.name && found.dim() > 0 && found.dim() <= kMaxSiteDim;
    site.site.dim = found.dim();
    site.site.per_position = found.per_position();
    site.padding = found.left_padded() ? Padding::kLeft : Padding::kRight;
  }
  if (fits) return absl::OkStatus();
  return Error(
      absl::StatusCode::kFailedPrecondition, "MODULE_FAILED",
      "the TorchScript module's process described other probe sites than it was asked for");
}

}  // namespace

TorchHosts::TorchHosts(TorchHostOptions options)
    : options_(std::move(options)), launcher_(options_.program) {}

absl::Status TorchHosts::CheckAvailable(RecommenderKind kind) const {
  const char* name = NameIfTorch(kind);
  if (name == nullptr) return absl::OkStatus();
  if (kind == RecommenderKind::kTorchscript && !options_.allow_modules) return ModulesDisabled();
  const absl::Status found = launcher_.Find().status();
  return found.ok() ? found : Missing(name, found);
}

absl::StatusOr<std::unique_ptr<Recommender>> TorchHosts::New(
    const RecommenderOptions& options) const {
  RECSAE_RETURN_IF_ERROR(CheckAvailable(options.kind));
  if (options.kind == RecommenderKind::kEcf) {
    return std::make_unique<EcfByHost>(options, launcher_);
  }
  return std::make_unique<TorchModel>(options, launcher_);
}

absl::StatusOr<ChildTask> TorchHosts::TaskOf(const RecommenderOptions& options,
                                             absl::string_view stored) const {
  RECSAE_RETURN_IF_ERROR(CheckAvailable(options.kind));
  ChildTask task;
  task.start.mutable_serve();
  task.start.set_parallel_calls(ThreadCount(options.threads));
  if (options.kind == RecommenderKind::kTorchscript) {
    task.foreign = true;
    task.limit = options_.module_deadline;
    task.start.set_memory_limit(options_.module_memory);
    task.start.set_parallel_calls(1);
  }
  RECSAE_ASSIGN_OR_RETURN(task.model, SharedBytes::Make(stored));
  return task;
}

absl::StatusOr<std::unique_ptr<Recommender>> TorchHosts::Load(absl::string_view stored) const {
  RECSAE_ASSIGN_OR_RETURN(const RecommenderOptions options, UnpackOptions(stored));
  RECSAE_ASSIGN_OR_RETURN(ChildTask task, TaskOf(options, stored));
  RECSAE_ASSIGN_OR_RETURN(ReadyChild child, StartChild(launcher_, task, {}));
  return std::make_unique<TorchModel>(options, launcher_, std::move(task), std::move(child));
}

absl::StatusOr<std::unique_ptr<Recommender>> TorchHosts::Import(
    StoredModule module, int64_t users, const std::function<bool()>& cancelled) const {
  RECSAE_RETURN_IF_ERROR(CheckOptions(module.options));
  RECSAE_ASSIGN_OR_RETURN(ChildTask trial, TaskOf(module.options, PackModule(module)));
  trial.start.mutable_import()->set_user_count(users);
  RECSAE_ASSIGN_OR_RETURN(ReadyChild child, StartChild(launcher_, trial, cancelled));
  RECSAE_RETURN_IF_ERROR(TakeSites(child.ready, &module.sites));
  RECSAE_ASSIGN_OR_RETURN(ChildTask serve, TaskOf(module.options, PackModule(module)));
  auto model =
      std::make_unique<TorchModel>(module.options, launcher_, std::move(serve), std::move(child));
  model->SetHead(std::move(module.item_vectors), {});
  return model;
}

}  // namespace recsae::probe
