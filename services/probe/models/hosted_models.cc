#include "services/probe/models/hosted_models.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/recommenders/factory.h"

namespace recsae::probe {

absl::Status HostedModels::CheckHosted(const StoredRecommender& recommender) {
  if (recommender.message.hosted()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "RECOMMENDER_NOT_HOSTED",
               absl::StrCat(recommender.message.name(),
                            " lives elsewhere and cannot be run here: record its activations with "
                            "RecordActivations"),
               {{"recommender", recommender.message.name()}});
}

absl::StatusOr<std::shared_ptr<const Recommender>> HostedModels::Get(
    const StoredRecommender& recommender) {
  std::shared_ptr<const Recommender> model = models_.Find(recommender.uid);
  if (model != nullptr) return model;
  RECSAE_RETURN_IF_ERROR(CheckHosted(recommender));
  RECSAE_ASSIGN_OR_RETURN(const std::string bytes, recommenders_.Model(recommender));
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Recommender> loaded, LoadRecommender(bytes));
  model = std::move(loaded);
  models_.Put(recommender.uid, model);
  return model;
}

}  // namespace recsae::probe
