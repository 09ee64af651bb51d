// Transformers: training and inference on histories.
#include "services/torch-host/models/transformer.h"

#include <torch/torch.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/math/worker_pool.h"
#include "services/probe/recommenders/model/batches.h"
#include "services/probe/recommenders/model/evaluation.h"
#include "services/probe/recommenders/train/training.h"
#include "services/torch-host/models/sequence_batch.h"
#include "services/torch-host/models/sequence_training.h"
#include "services/torch-host/models/single_thread.h"
#include "services/torch-host/models/torch_training.h"
#include "services/torch-host/models/transformer_network.h"

namespace recsae::probe {
Transformer::Transformer(const RecommenderOptions& options) : Recommender(options) {}
Transformer::~Transformer() = default;

absl::StatusOr<TrainReport> Transformer::Train(const Dataset& dataset,
                                               const TrainCallback& callback) {
  Random random(options_.seed);
  network_ =
      std::make_unique<TransformerNetwork>(options_, dataset.items.size(), Length(), &random);
  const WindowTraining training{
      .module = network_.get(),
      .batch =
          [&](absl::Span<const Window> windows, Random* draws) {
            return masked() ? MakeMaskedBatch(dataset, windows, options_.history, draws)
                            : MakeWindowBatch(dataset, windows, options_.history);
          },
      .loss =
          [&](const WindowBatch& batch, StepTools* tools) {
            const torch::Tensor hidden = network_->Forward(batch.inputs.items, batch.inputs.padding,
                                                           tools->random(), tools->pool());
            return tools->ItemLoss(hidden.index_select(0, batch.rows), network_->items, batch);
          },
      .dev_ndcg =
          [&] {
            SetItemVectors();
            const auto metrics = EvaluateRecommender(*this, dataset, dataset.dev);
            return metrics.ok() ? metrics->ndcg(10) : 0;
          }};
  auto report = TrainOnWindows(options_, dataset, training, callback);
  SetItemVectors();
  return report;
}

// Activations of a few queries, float [queries, dim], on the calling thread.
void Transformer::ActivateBatch(absl::Span<const Query> queries, const PartTap& tap,
                                float* activations) const {
  const torch::InferenceMode no_gradients;
  const SingleThreadedTorch single_threaded;
  math::WorkerPool pool(1);
  const auto count = static_cast<int64_t>(queries.size());
  const int length = Length();
  const int64_t d = options_.dim;
  const SequenceInputs inputs =
      masked() ? MakeMaskedInputs(queries, length) : MakeInputs(queries, length);
  const auto tap_tensor = [&](size_t site, torch::Tensor& output) {
    output = output.contiguous();
    return tap(site, output.data_ptr<float>());
  };
  const torch::Tensor last =
      network_
          ->Forward(inputs.items, inputs.padding, nullptr, &pool,
                    tap ? TransformerNetwork::Tap(tap_tensor) : TransformerNetwork::Tap())
          .view({count, length, d})
          .select(1, length - 1)
          .contiguous();
  std::copy_n(last.data_ptr<float>(), count * d, activations);
}

absl::StatusOr<std::vector<float>> Transformer::RunTapped(absl::Span<const Query> queries,
                                                          const std::function<bool()>& cancelled,
                                                          const SiteTap& tap) const {
  RECSAE_RETURN_IF_ERROR(CheckHistories(queries, items()));
  constexpr size_t kMostQueries = 256;
  std::vector<float> activations(queries.size() * dim());
  RECSAE_RETURN_IF_ERROR(InBatches(
      queries.size(), BatchSize(queries.size(), kMostQueries), ThreadCount(options_.threads),
      cancelled, [&](size_t first, size_t count) {
        const absl::Span<const Query> part = queries.subspan(first, count);
        PartTap tap_part;
        if (tap)
          tap_part = [&](size_t site, float* output) { return tap(site, first, part, output); };
        ActivateBatch(part, tap_part, activations.data() + first * dim());
        return absl::OkStatus();
      }));
  return activations;
}

absl::StatusOr<std::vector<float>> Transformer::Activations(
    absl::Span<const Query> queries, const std::function<bool()>& cancelled) const {
  return RunTapped(queries, cancelled, {});
}

std::vector<ProbeSite> Transformer::InnerSites() const {
  std::vector<ProbeSite> sites = {{"embedding", dim(), !masked()}};
  for (int i = 0; i < options_.layers; ++i) {
    sites.push_back({absl::StrCat("layers.", i), dim(), !masked()});
  }
  return sites;
}

absl::StatusOr<std::vector<float>> Transformer::InnerActivations(
    size_t site, Positions positions, absl::Span<const Query> queries,
    const std::function<bool()>& cancelled) const {
  const int length = Length(), d = dim();
  const std::vector<size_t> starts = RowStarts(queries, positions, options_.history);
  std::vector<float> activations(starts.back() * d);
  const SiteTap copy = [&](size_t at, size_t first, absl::Span<const Query> part, float* output) {
    if (at != site) return true;
    for (size_t i = 0; i < part.size(); ++i) {
      const size_t rows = starts[first + i + 1] - starts[first + i];
      std::copy_n(output + ((i + 1) * length - rows) * d, rows * d,
                  activations.data() + starts[first + i] * d);
    }
    return false;
  };
  RECSAE_RETURN_IF_ERROR(RunTapped(queries, cancelled, copy).status());
  return activations;
}

absl::StatusOr<std::vector<float>> Transformer::ResumeInner(
    size_t site, absl::Span<const Query> queries, absl::Span<const float> activations,
    const std::function<bool()>& cancelled) const {
  const int length = Length(), d = dim();
  const SiteTap replace = [&](size_t at, size_t first, absl::Span<const Query> part,
                              float* output) {
    if (at != site) return true;
    for (size_t i = 0; i < part.size(); ++i) {
      std::copy_n(activations.data() + (first + i) * d, d, output + ((i + 1) * length - 1) * d);
    }
    return true;
  };
  return RunTapped(queries, cancelled, replace);
}

bool Transformer::masked() const { return !StyleOf(options_.kind).causal; }

void Transformer::SetItemVectors() {
  const auto* values = network_->items.data_ptr<float>();
  item_vectors_.assign(values, values + network_->items.numel());
}

std::string Transformer::Save() const { return PackWeights(options_, StoreTensors(*network_)); }

absl::Status Transformer::Load(const NamedTensors& tensors) {
  const auto items = tensors.find("items");
  const int64_t n = items == tensors.end() ? 0 : items->second.shape[0];
  Random random(0);
  network_ = std::make_unique<TransformerNetwork>(options_, n, Length(), &random);
  RECSAE_RETURN_IF_ERROR(RestoreTensors(tensors, network_.get()));
  SetItemVectors();
  return absl::OkStatus();
}

}  // namespace recsae::probe
