#include "services/probe/models/hosted_models.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "services/probe/hosts/hosted_model.h"
#include "services/probe/recommenders/factory.h"

namespace recsae::probe {
namespace {

// Of the memory budget, for models that nobody uses at the moment.
constexpr int64_t kModelShare = 4;
// A model as it is stored, as it is taken apart, and as it is used.
constexpr int64_t kLoadingCopies = 3;

}  // namespace

absl::Status HostedModels::CheckHosted(const StoredRecommender& recommender) {
  if (recommender.message.hosted()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "RECOMMENDER_NOT_HOSTED",
               absl::StrCat(recommender.message.name(),
                            " lives elsewhere and cannot be run here: record its activations with "
                            "RecordActivations"),
               {{"recommender", recommender.message.name()}});
}

HostedModels::HostedModels(RecommenderStore& recommenders, HostRegistry& hosts,
                           const TorchKinds& torch, MemoryBudget& memory)
    : recommenders_(recommenders),
      hosts_(hosts),
      torch_(torch),
      memory_(memory),
      models_("models", memory, memory.limit() / kModelShare) {}

absl::StatusOr<std::shared_ptr<const Recommender>> HostedModels::Get(
    const StoredRecommender& recommender, absl::FunctionRef<absl::Status()> alive) {
  RECSAE_RETURN_IF_ERROR(CheckHosted(recommender));
  return models_.Get(recommender.uid, alive, [&] { return Load(recommender); });
}

absl::StatusOr<std::unique_ptr<Recommender>> HostedModels::Make(
    const StoredRecommender& recommender, const std::string& bytes) {
  const v1::Recommender& message = recommender.message;
  if (message.kind() != v1::Recommender::KIND_HOSTED) return LoadRecommender(bytes, torch_);
  RECSAE_ASSIGN_OR_RETURN(const hosts::v1::Description description, DescriptionOf(bytes));
  return std::make_unique<HostedModel>(description, hosts_.LinkTo(message.uid(), message.name()));
}

absl::StatusOr<HostedModels::Models::Loaded> HostedModels::Load(
    const StoredRecommender& recommender) {
  RECSAE_ASSIGN_OR_RETURN(const int64_t stored, recommenders_.ModelBytes(recommender));
  RECSAE_ASSIGN_OR_RETURN(
      Permit permit,
      memory_.Take(SaturatingProduct(stored, kLoadingCopies),
                   absl::StrCat("the model of ", recommender.message.name()), "its size"));
  RECSAE_ASSIGN_OR_RETURN(std::string bytes, recommenders_.Model(recommender, stored));
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Recommender> loaded, Make(recommender, bytes));
  RECSAE_RETURN_IF_ERROR(
      permit.Resize(static_cast<int64_t>(bytes.size()) + loaded->bytes_elsewhere()));
  return Models::Loaded{std::move(permit), std::move(loaded)};
}

}  // namespace recsae::probe
