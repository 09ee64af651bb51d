// TiMiRec: the two stages of training, and inference on histories.
#include "services/torch-host/models/timirec.h"

#include <torch/torch.h>

#include <algorithm>

#include "common/base/status.h"
#include "common/math/worker_pool.h"
#include "common/ranking/ranking.h"
#include "services/probe/recommenders/model/batches.h"
#include "services/probe/recommenders/model/evaluation.h"
#include "services/probe/recommenders/train/training.h"
#include "services/torch-host/models/sequence_batch.h"
#include "services/torch-host/models/sequence_training.h"
#include "services/torch-host/models/single_thread.h"
#include "services/torch-host/models/timirec_network.h"
#include "services/torch-host/models/torch_training.h"

namespace recsae::probe {
namespace {

constexpr size_t kQueries = 256;  // answered at once

// [rows of the batch, interests, dim] of the network's [all rows, interests, dim].
torch::Tensor AtRows(const torch::Tensor& values, const WindowBatch& batch) {
  return values.index_select(0, batch.rows);
}

// At the last position of each sequence: [sequences, ...] of [sequences * length, ...].
torch::Tensor AtLast(const torch::Tensor& values, const SequenceInputs& inputs) {
  const int64_t sequences = inputs.items.size(0), length = inputs.items.size(1);
  return values.index_select(0, torch::arange(1, sequences + 1) * length - 1).contiguous();
}

// The interest nearest to each target: [rows, dim] of [rows, interests, dim].
torch::Tensor Nearest(const torch::Tensor& interests, const torch::Tensor& targets) {
  const int64_t rows = interests.size(0), count = interests.size(1), d = interests.size(2);
  const torch::Tensor best = (interests.detach() * targets.detach().unsqueeze(1)).sum(2).argmax(1);
  return interests.view({rows * count, d}).index_select(0, torch::arange(rows) * count + best);
}

// tau² · KL(softmax(cosines / tau) || softmax(logits / tau)), mean over rows.
torch::Tensor Distillation(const torch::Tensor& interests, const torch::Tensor& targets,
                           const torch::Tensor& logits, double tau) {
  const torch::Tensor cosines =
      torch::cosine_similarity(interests.detach(), targets.detach().unsqueeze(1), 2);
  const torch::Tensor wanted = torch::log_softmax(cosines / tau, 1);
  const torch::Tensor given = torch::log_softmax(logits / tau, 1);
  return tau * tau * (wanted.exp() * (wanted - given)).sum(1).mean();
}

}  // namespace

Timirec::Timirec(const RecommenderOptions& options) : Recommender(options) {}
Timirec::~Timirec() = default;

absl::StatusOr<TrainReport> Timirec::Train(const Dataset& dataset, const TrainCallback& callback) {
  Random random(options_.seed);
  network_ = std::make_unique<TimirecNetwork>(options_, dataset.items.size(), &random);
  const auto told = [&](int epochs_before, int epochs_after) {
    return [&callback, epochs_before, epochs_after](const TrainProgress& stage) {
      TrainProgress progress = stage;
      progress.epoch += epochs_before;
      progress.best_epoch += progress.best_epoch == 0 ? 0 : epochs_before;
      progress.max_epochs += epochs_before + epochs_after;
      return !callback || callback(progress);
    };
  };
  RECSAE_ASSIGN_OR_RETURN(const TrainReport first, Pretrain(dataset, told(0, options_.max_epochs)));
  RECSAE_ASSIGN_OR_RETURN(TrainReport report, FineTune(dataset, told(first.epochs, 0)));
  SetItemVectors();
  report.epochs += first.epochs;
  report.best_epoch += first.epochs;
  return report;
}

absl::StatusOr<TrainReport> Timirec::Pretrain(const Dataset& dataset,
                                              const TrainCallback& callback) {
  RecommenderOptions options = options_;
  options.max_epochs = options_.pretrain_epochs;
  const WindowTraining training{
      .module = network_.get(),
      .stream = 1,
      .loss =
          [&](const WindowBatch& batch, StepTools* tools) {
            const torch::Tensor interests =
                AtRows(network_->Interests(batch.inputs, tools->random(), tools->pool()), batch);
            const torch::Tensor targets = torch::embedding(network_->items(), batch.targets);
            return tools->ItemLoss(Nearest(interests, targets), network_->items(), batch);
          },
      .dev_ndcg = [&] { return InterestNdcg(dataset); }};
  return TrainOnWindows(options, dataset, training, callback);
}

absl::StatusOr<TrainReport> Timirec::FineTune(const Dataset& dataset,
                                              const TrainCallback& callback) {
  const WindowTraining training{
      .module = network_.get(),
      .stream = 2,
      .loss =
          [&](const WindowBatch& batch, StepTools* tools) {
            const torch::Tensor interests =
                AtRows(network_->Interests(batch.inputs, tools->random(), tools->pool()), batch);
            const torch::Tensor logits =
                AtRows(network_->Logits(batch.inputs, tools->random(), tools->pool()), batch);
            const torch::Tensor targets = torch::embedding(network_->items(), batch.targets);
            return tools->ItemLoss(TimirecNetwork::Combine(interests, logits), network_->items(),
                                   batch) +
                   Distillation(interests, targets, logits, options_.temperature);
          },
      .dev_ndcg =
          [&] {
            SetItemVectors();
            const auto metrics = EvaluateRecommender(*this, dataset, dataset.dev);
            return metrics.ok() ? metrics->ndcg(10) : 0;
          }};
  return TrainOnWindows(options_, dataset, training, callback);
}

// NDCG@10 on dev with the largest score over the interests as an item's score.
double Timirec::InterestNdcg(const Dataset& dataset) const {
  const torch::InferenceMode no_gradients;
  math::WorkerPool pool(ThreadCount(options_.threads));
  const std::vector<Case> cases = WithHistory(dataset.dev);
  const std::vector<Query> queries = QueriesOf(dataset, cases, options_.history);
  RankingMetrics metrics;
  for (size_t first = 0; first < queries.size(); first += kQueries) {
    const SequenceInputs inputs =
        MakeInputs(absl::MakeConstSpan(queries).subspan(first, kQueries), options_.history);
    const torch::Tensor interests =
        AtLast(network_->Interests(inputs, nullptr, &pool), inputs);  // [cases, interests, dim]
    for (int64_t i = 0; i < interests.size(0); ++i) {
      const auto& scored = cases[first + i];
      const torch::Tensor scores =
          std::get<0>(torch::matmul(network_->items(), interests[i].t()).max(1)).contiguous();
      const auto* values = scores.data_ptr<float>();
      metrics.Add(RankOf({values, static_cast<size_t>(scores.numel())}, Target(dataset, scored),
                         Excluded(dataset, scored)));
    }
  }
  return metrics.ndcg(10);
}

absl::StatusOr<std::vector<float>> Timirec::Activations(
    absl::Span<const Query> queries, const std::function<bool()>& cancelled) const {
  RECSAE_RETURN_IF_ERROR(CheckHistories(queries, items()));
  std::vector<float> activations(queries.size() * dim());
  const auto answer = [&](size_t first, size_t count) {
    const torch::InferenceMode no_gradients;
    const SingleThreadedTorch single_threaded;
    math::WorkerPool pool(1);
    const SequenceInputs inputs = MakeInputs(queries.subspan(first, count), options_.history);
    const torch::Tensor users =
        TimirecNetwork::Combine(AtLast(network_->Interests(inputs, nullptr, &pool), inputs),
                                AtLast(network_->Logits(inputs, nullptr, &pool), inputs));
    std::copy_n(users.contiguous().data_ptr<float>(), count * dim(),
                activations.data() + first * dim());
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(InBatches(queries.size(), BatchSize(queries.size(), kQueries),
                                   ThreadCount(options_.threads), cancelled, answer));
  return activations;
}

void Timirec::SetItemVectors() {
  const auto* values = network_->items().data_ptr<float>();
  item_vectors_.assign(values, values + network_->items().numel());
}

std::string Timirec::Save() const { return PackWeights(options_, StoreTensors(*network_)); }

absl::Status Timirec::Load(const NamedTensors& tensors) {
  const auto items = tensors.find("extractor.items");
  const int64_t n = items == tensors.end() ? 0 : items->second.shape[0];
  Random random(0);
  network_ = std::make_unique<TimirecNetwork>(options_, n, &random);
  RECSAE_RETURN_IF_ERROR(RestoreTensors(tensors, network_.get()));
  SetItemVectors();
  return absl::OkStatus();
}

}  // namespace recsae::probe
