// Filling the tensors of sequence networks.
#include "services/torch-host/models/sequence_batch.h"

#include <algorithm>

namespace recsae::probe {
namespace {

SequenceInputs EmptyInputs(size_t sequences, int length) {
  const auto count = static_cast<int64_t>(sequences);
  return {torch::zeros({count, length}, torch::kInt64), torch::empty({count}, torch::kInt32)};
}

// The last items of each query's history, `after` positions from the end.
SequenceInputs Histories(absl::Span<const Query> queries, int length, int after) {
  SequenceInputs inputs = EmptyInputs(queries.size(), length);
  const auto most = static_cast<size_t>(length - after);
  for (size_t i = 0; i < queries.size(); ++i) {
    absl::Span<const int32_t> history = queries[i].history;
    if (history.size() > most) history.remove_prefix(history.size() - most);
    const auto padding = static_cast<int32_t>(most - history.size());
    inputs.padding.data_ptr<int32_t>()[i] = padding;
    std::copy(history.begin(), history.end(),
              inputs.items.data_ptr<int64_t>() + static_cast<int64_t>(i) * length + padding);
  }
  return inputs;
}

// Of the items before a window's last. BERT4Rec's authors take .2 on MovieLens.
constexpr double kMaskShare = 0.2;

}  // namespace

WindowBatch MakeWindowBatch(const Dataset& dataset, absl::Span<const Window> windows, int length) {
  WindowBatch batch;
  batch.inputs = EmptyInputs(windows.size(), length);
  auto* items = batch.inputs.items.data_ptr<int64_t>();
  auto* padding = batch.inputs.padding.data_ptr<int32_t>();
  std::vector<int64_t> rows, targets;
  for (size_t w = 0; w < windows.size(); ++w) {
    const Window& window = windows[w];
    const auto& sequence = dataset.sequences[window.user];
    padding[w] = length - window.length();
    for (int32_t p = window.begin; p < window.end; ++p) {
      const int64_t row = static_cast<int64_t>(w) * length + padding[w] + (p - window.begin);
      items[row] = sequence[p];
      rows.push_back(row);
      targets.push_back(sequence[p + 1]);
      batch.users.push_back(window.user);
    }
  }
  batch.rows = torch::tensor(rows, torch::kInt64);
  batch.targets = torch::tensor(targets, torch::kInt64);
  return batch;
}

WindowBatch MakeMaskedBatch(const Dataset& dataset, absl::Span<const Window> windows, int history,
                            Random* random) {
  const int length = history + 1;
  WindowBatch batch;
  batch.inputs = EmptyInputs(windows.size(), length);
  auto* items = batch.inputs.items.data_ptr<int64_t>();
  auto* padding = batch.inputs.padding.data_ptr<int32_t>();
  std::vector<int64_t> rows, targets;
  for (size_t w = 0; w < windows.size(); ++w) {
    const Window& window = windows[w];
    const auto& sequence = dataset.sequences[window.user];
    padding[w] = history - window.length();
    for (int32_t p = window.begin; p <= window.end; ++p) {
      const int64_t row = static_cast<int64_t>(w) * length + padding[w] + (p - window.begin);
      const bool mask = p == window.end || random->Uniform() < kMaskShare;
      items[row] = mask ? kMaskToken : sequence[p];
      if (!mask) continue;
      rows.push_back(row);
      targets.push_back(sequence[p]);
      batch.users.push_back(window.user);
    }
  }
  batch.rows = torch::tensor(rows, torch::kInt64);
  batch.targets = torch::tensor(targets, torch::kInt64);
  return batch;
}

SequenceInputs MakeInputs(absl::Span<const Query> queries, int length) {
  return Histories(queries, length, 0);
}

SequenceInputs MakeMaskedInputs(absl::Span<const Query> queries, int length) {
  SequenceInputs inputs = Histories(queries, length, 1);
  inputs.items.select(1, length - 1).fill_(kMaskToken);
  return inputs;
}

}  // namespace recsae::probe
