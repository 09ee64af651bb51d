// What runs on libtorch, by processes of recsae-torch-host.
#ifndef RECSAE_SERVICES_PROBE_TORCH_TORCH_HOSTS_H_
#define RECSAE_SERVICES_PROBE_TORCH_TORCH_HOSTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "services/probe/recommenders/model/torch_kinds.h"
#include "services/probe/torch/launcher.h"
#include "services/probe/torch/start_child.h"

namespace recsae::probe {

struct TorchHostOptions {
  std::string program;                       // path of recsae-torch-host; "": see Launcher
  bool allow_modules = false;                // TorchScript modules, which are somebody else's code
  int64_t module_memory = int64_t{2} << 30;  // bytes that a module may take
  absl::Duration module_deadline = absl::Seconds(30);  // of one call of a module
};

// One process for each model and for each training: nobody's code runs beside somebody else's.
class TorchHosts : public TorchKinds {
 public:
  explicit TorchHosts(TorchHostOptions options);

  absl::Status CheckAvailable(RecommenderKind kind) const override;
  absl::StatusOr<std::unique_ptr<Recommender>> New(
      const RecommenderOptions& options) const override;
  absl::StatusOr<std::unique_ptr<Recommender>> Load(absl::string_view stored) const override;
  absl::StatusOr<std::unique_ptr<Recommender>> Import(
      StoredModule module, int64_t users, const std::function<bool()>& cancelled) const override;

 private:
  // With what holds for every child that runs what is stored.
  absl::StatusOr<ChildTask> TaskOf(const RecommenderOptions& options,
                                   absl::string_view stored) const;

  const TorchHostOptions options_;
  mutable Launcher launcher_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_TORCH_TORCH_HOSTS_H_
