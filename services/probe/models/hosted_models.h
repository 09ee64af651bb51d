// The models of hosted recommenders, loaded when they are first needed.
#ifndef RECSAE_SERVICES_PROBE_MODELS_HOSTED_MODELS_H_
#define RECSAE_SERVICES_PROBE_MODELS_HOSTED_MODELS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/budget/cache.h"
#include "services/probe/hosts/host_registry.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/torch_kinds.h"
#include "services/probe/resources/recommender_store.h"

namespace recsae::probe {

// Thread-safe.
class HostedModels {
 public:
  // Models are kept within `memory`; those of KIND_HOSTED run at the hosts that dialled in, `torch`
  // makes those that run on libtorch.
  HostedModels(RecommenderStore& recommenders, HostRegistry& hosts, const TorchKinds& torch,
               MemoryBudget& memory);

  // FAILED_PRECONDITION (RECOMMENDER_NOT_HOSTED) for an external recommender.
  static absl::Status CheckHosted(const StoredRecommender& recommender);

  // One caller loads a model; the others wait for it, as long as `alive`. Errors: CheckHosted,
  // RESOURCE_EXHAUSTED (MEMORY_BUDGET), LoadRecommender.
  absl::StatusOr<std::shared_ptr<const Recommender>> Get(
      const StoredRecommender& recommender, absl::FunctionRef<absl::Status()> alive = NeverGone);

  // The recommender was deleted: its hosts are sent away.
  void Forget(const v1::Recommender& recommender) {
    hosts_.Dismiss(recommender.uid(), recommender.name());
  }
  // Hosts that serve it; 0 for one that needs none.
  int HostCount(const v1::Recommender& recommender) const {
    return hosts_.Count(recommender.uid());
  }

 private:
  using Models = WeighedCache<uint64_t, Recommender>;  // by uid

  absl::StatusOr<std::unique_ptr<Recommender>> Make(const StoredRecommender& recommender,
                                                    const std::string& bytes);
  absl::StatusOr<Models::Loaded> Load(const StoredRecommender& recommender);

  RecommenderStore& recommenders_;
  HostRegistry& hosts_;
  const TorchKinds& torch_;
  MemoryBudget& memory_;
  Models models_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_MODELS_HOSTED_MODELS_H_
