// BPRMF: training with one negative for each interaction and epoch.
#include "services/probe/recommenders/bprmf.h"

#include <torch/torch.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status.h"
#include "services/probe/recommenders/evaluation.h"
#include "services/probe/recommenders/torch_training.h"
#include "services/probe/recommenders/training.h"

namespace recsae::probe {
namespace {

struct Network : torch::nn::Module {
  Network(int64_t user_count, int64_t item_count, int64_t dim, Random* random) {
    users = register_parameter("users", NormalTensor({user_count, dim}, random));
    items = register_parameter("items", NormalTensor({item_count, dim}, random));
  }
  torch::Tensor users;  // [users, dim]
  torch::Tensor items;  // [items, dim]
};

// One run of training.
class Training {
 public:
  Training(const RecommenderOptions& options, const Dataset& dataset)
      : options_(options),
        dataset_(dataset),
        random_(options.seed),
        network_(static_cast<int64_t>(dataset.users.size()),
                 static_cast<int64_t>(dataset.items.size()), options.dim, &random_),
        negatives_(dataset),
        optimizer_(MakeAdam(options, network_)),
        rows_(TrainCases(dataset, 0)) {}

  Network& network() { return network_; }

  double Epoch(const EpochTick& tick) {
    random_.Shuffle(&rows_);
    const size_t batch = BatchSize(options_, static_cast<int64_t>(rows_.size()));
    double loss = 0;
    size_t done = 0;
    while (done < rows_.size()) {
      const size_t size = std::min(batch, rows_.size() - done);
      loss += Step(absl::MakeConstSpan(rows_).subspan(done, size)) * static_cast<double>(size);
      done += size;
      const auto rows = static_cast<double>(done);
      if (!tick(rows / static_cast<double>(rows_.size()), loss / rows)) break;
    }
    return loss / static_cast<double>(done);
  }

 private:
  double Step(absl::Span<const Case> rows) {
    const auto count = static_cast<int64_t>(rows.size());
    torch::Tensor numbers = torch::empty({3, count}, torch::kInt64);
    auto* user = numbers.data_ptr<int64_t>();
    for (int64_t i = 0; i < count; ++i) {
      user[i] = rows[i].user;
      user[count + i] = Target(dataset_, rows[i]);
      user[2 * count + i] = negatives_.Draw(rows[i].user, &random_);
    }
    optimizer_->zero_grad();
    const torch::Tensor loss = BprLoss(torch::embedding(network_.users, numbers[0]), network_.items,
                                       numbers[1], numbers[2]);
    loss.backward();
    optimizer_->step();
    return loss.item<double>();
  }

  const RecommenderOptions& options_;
  const Dataset& dataset_;
  Random random_;
  Network network_;
  NegativeSampler negatives_;
  std::unique_ptr<torch::optim::Adam> optimizer_;
  std::vector<Case> rows_;
};

std::vector<float> Values(const torch::Tensor& tensor) {
  const auto* values = tensor.data_ptr<float>();
  return {values, values + tensor.numel()};
}

}  // namespace

absl::StatusOr<TrainReport> Bprmf::Train(const Dataset& dataset, const TrainCallback& callback) {
  const SingleThreadedTorch single_threaded;
  Training training(options_, dataset);
  const auto take = [&] {
    user_vectors_ = Values(training.network().users);
    item_vectors_ = Values(training.network().items);
  };
  std::pair<std::vector<float>, std::vector<float>> best;
  const EpochSteps steps{.train = [&](int, const EpochTick& tick) { return training.Epoch(tick); },
                         .dev_ndcg =
                             [&] {
                               take();
                               const auto metrics =
                                   EvaluateRecommender(*this, dataset, dataset.dev);
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

absl::StatusOr<std::vector<float>> Bprmf::Activations(
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

std::string Bprmf::Save() const {
  return PackWeights(options_, {{"users", {{users(), dim()}, user_vectors_}},
                                {"items", {{items(), dim()}, item_vectors_}}});
}

absl::Status Bprmf::Load(const NamedTensors& tensors) {
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
