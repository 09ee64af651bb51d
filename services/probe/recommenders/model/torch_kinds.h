// What runs on libtorch, as the rest of the probe asks for it: no server links libtorch.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_TORCH_KINDS_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_TORCH_KINDS_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/stored_module.h"

namespace recsae::probe {

// Thread-safe; outlives what it makes.
class TorchKinds {
 public:
  virtual ~TorchKinds() = default;

  // Whether recommenders of this kind can be trained, or imported, here; those that need no
  // libtorch always can. UNIMPLEMENTED (RECOMMENDER_KIND_UNAVAILABLE; metadata `kind`, `missing`)
  // where libtorch is out of reach; FAILED_PRECONDITION (MODULES_DISABLED) for modules that are not
  // wanted. The functions below say the same.
  virtual absl::Status CheckAvailable(RecommenderKind kind) const = 0;

  // An untrained one of a kind that IsTransformer, or kEcf.
  virtual absl::StatusOr<std::unique_ptr<Recommender>> New(
      const RecommenderOptions& options) const = 0;

  // Of what Save wrote of a kind that IsTransformer, or kTorchscript. DATA_LOSS
  // (RECOMMENDER_CORRUPT).
  virtual absl::StatusOr<std::unique_ptr<Recommender>> Load(absl::string_view stored) const = 0;

  // A module, tried before it is accepted; its sites' sizes and padding are found out. `users` that
  // it knows. Errors: Torchscript::Import. CANCELLED once `cancelled`, if given, says so.
  virtual absl::StatusOr<std::unique_ptr<Recommender>> Import(
      StoredModule module, int64_t users, const std::function<bool()>& cancelled) const = 0;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_TORCH_KINDS_H_
