// What runs on libtorch, in this process: for recsae-torch-host, tests and benchmarks.
#ifndef RECSAE_SERVICES_TORCH_HOST_KINDS_IN_PROCESS_H_
#define RECSAE_SERVICES_TORCH_HOST_KINDS_IN_PROCESS_H_

#include <functional>
#include <memory>

#include "services/probe/recommenders/model/torch_kinds.h"

namespace recsae::probe {

class InProcessTorch : public TorchKinds {
 public:
  absl::Status CheckAvailable(RecommenderKind /*kind*/) const override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<Recommender>> New(
      const RecommenderOptions& options) const override;
  absl::StatusOr<std::unique_ptr<Recommender>> Load(absl::string_view stored) const override;
  // Does not ask `cancelled`.
  absl::StatusOr<std::unique_ptr<Recommender>> Import(
      StoredModule module, int64_t users, const std::function<bool()>& cancelled) const override;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_KINDS_IN_PROCESS_H_
