// Filling the tensors of sequence networks.
#include "services/torch-host/models/sequence_batch.h"

#include <algorithm>

namespace recsae::probe {
namespace {

SequenceInputs EmptyInputs(size_t sequences, int length) {
  const auto count = static_cast<int64_t>(sequences);
  return {torch::zeros({count, length}, torch::kInt64), torch::empty({count}, torch::kInt32)};
}

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

SequenceInputs MakeInputs(absl::Span<const Query> queries, int length) {
  SequenceInputs inputs = EmptyInputs(queries.size(), length);
  for (size_t i = 0; i < queries.size(); ++i) {
    absl::Span<const int32_t> history = queries[i].history;
    if (history.size() > static_cast<size_t>(length)) {
      history.remove_prefix(history.size() - length);
    }
    const auto padding = static_cast<int32_t>(length - history.size());
    inputs.padding.data_ptr<int32_t>()[i] = padding;
    std::copy(history.begin(), history.end(),
              inputs.items.data_ptr<int64_t>() + static_cast<int64_t>(i) * length + padding);
  }
  return inputs;
}

}  // namespace recsae::probe
