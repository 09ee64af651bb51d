// General recommenders: vectors taken from a training run, answered with and stored.
#include "services/probe/recommenders/kinds/general.h"

#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/recommenders/kinds/distillemb.h"
#include "services/probe/recommenders/kinds/general_training.h"
#include "services/probe/recommenders/model/evaluation.h"
#include "services/probe/recommenders/train/training.h"

namespace recsae::probe {
GeneralRecommender::GeneralRecommender(const RecommenderOptions& options) : Recommender(options) {
  if (options.kind == RecommenderKind::kEcf) options_.dim = options.clusters * options.members;
}

absl::StatusOr<std::unique_ptr<VectorTraining>> GeneralRecommender::NewTraining(
    const Dataset& dataset) const {
  switch (options_.kind) {
    case RecommenderKind::kEcf:
      return Error(absl::StatusCode::kUnimplemented, "RECOMMENDER_KIND_UNAVAILABLE",
                   "ECF is trained by recsae-torch-host", {{"kind", "ECF"}});
    case RecommenderKind::kDistillemb:
      return std::make_unique<DistillembTraining>(options_, dataset);
    default:
      return std::make_unique<GeneralTraining>(options_, dataset);
  }
}

absl::StatusOr<TrainReport> GeneralRecommender::Train(const Dataset& dataset,
                                                      const TrainCallback& callback) {
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<VectorTraining> training, NewTraining(dataset));
  const auto take = [&] {
    const absl::Span<const float> vectors = training->Vectors();
    const auto items_begin = vectors.begin() + static_cast<int64_t>(dataset.users.size()) * dim();
    user_vectors_.assign(vectors.begin(), items_begin);
    item_vectors_.assign(items_begin, vectors.end());
  };
  std::pair<std::vector<float>, std::vector<float>> best;
  const EpochSteps steps{
      .train = [&](int epoch, const EpochTick& tick) { return training->Epoch(epoch, tick); },
      .dev_ndcg =
          [&] {
            take();
            const auto metrics = EvaluateRecommender(*this, dataset, dataset.dev);
            return metrics.ok() ? metrics->ndcg(10) : 0;
          },
      .keep =
          [&] {
            best = {user_vectors_, item_vectors_};
          },
      .restore = [&] { std::tie(user_vectors_, item_vectors_) = best; }};
  const bool has_dev = !dataset.dev.empty();
  auto report = TrainEpochs(options_, has_dev, steps, callback);
  if (!has_dev) take();
  return report;
}

absl::StatusOr<std::vector<float>> GeneralRecommender::Activations(
    absl::Span<const Query> queries, const std::function<bool()>& /*cancelled*/) const {
  std::vector<float> activations;
  activations.reserve(queries.size() * dim());
  for (size_t i = 0; i < queries.size(); ++i) {
    const int32_t user = queries[i].user;
    if (user < 0 || user >= users()) {
      return Error(absl::StatusCode::kInvalidArgument, "USER_UNKNOWN",
                   absl::StrCat("query ", i, " has user number ", user,
                                "; this recommender knows the ", users(), " it was trained on"),
                   {{"query", absl::StrCat(i)}, {"user", absl::StrCat(user)}});
    }
    const auto begin = user_vectors_.begin() + static_cast<int64_t>(user) * dim();
    activations.insert(activations.end(), begin, begin + dim());
  }
  return activations;
}

std::string GeneralRecommender::Save() const {
  return PackWeights(options_, {{"users", {{users(), dim()}, user_vectors_}},
                                {"items", {{items(), dim()}, item_vectors_}}});
}

absl::Status GeneralRecommender::Load(const NamedTensors& tensors) {
  const auto users = tensors.find("users"), items = tensors.find("items");
  const auto fits = [&](const auto& it) {
    return it != tensors.end() && it->second.shape.size() == 2 && it->second.shape[1] == dim();
  };
  if (!fits(users) || !fits(items)) {
    return Error(absl::StatusCode::kDataLoss, "RECOMMENDER_CORRUPT",
                 "the stored weights do not fit the stored options; train the recommender again");
  }
  user_vectors_ = users->second.values;
  item_vectors_ = items->second.values;
  return absl::OkStatus();
}

}  // namespace recsae::probe
