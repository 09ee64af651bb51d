// For kinds that need no libtorch.
#ifndef RECSAE_TESTS_UNIT_PROBE_RECOMMENDERS_NO_TORCH_H_
#define RECSAE_TESTS_UNIT_PROBE_RECOMMENDERS_NO_TORCH_H_

#include "common/base/status.h"
#include "services/probe/recommenders/model/torch_kinds.h"

namespace recsae::probe {

class NoTorch : public TorchKinds {
 public:
  absl::Status CheckAvailable(RecommenderKind /*kind*/) const override {
    return Error(absl::StatusCode::kUnimplemented, "RECOMMENDER_KIND_UNAVAILABLE", "no libtorch");
  }
  absl::StatusOr<std::unique_ptr<Recommender>> New(
      const RecommenderOptions& options) const override {
    return CheckAvailable(options.kind);
  }
  absl::StatusOr<std::unique_ptr<Recommender>> Load(absl::string_view /*stored*/) const override {
    return CheckAvailable(RecommenderKind::kTorchscript);
  }
  absl::StatusOr<std::unique_ptr<Recommender>> Import(
      StoredModule /*module*/, int64_t /*users*/,
      const std::function<bool()>& /*cancelled*/) const override {
    return CheckAvailable(RecommenderKind::kTorchscript);
  }
};

}  // namespace recsae::probe

#endif  // RECSAE_TESTS_UNIT_PROBE_RECOMMENDERS_NO_TORCH_H_
