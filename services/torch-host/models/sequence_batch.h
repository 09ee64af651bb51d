// Windows and histories as tensors for sequence networks. For .cc files only: includes libtorch.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_SEQUENCE_BATCH_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_SEQUENCE_BATCH_H_

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/base/random.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/train/windows.h"

namespace recsae::probe {

// In place of an item: one that is to be predicted (BERT4Rec).
inline constexpr int64_t kMaskToken = -1;

// Items of some sequences, right-aligned.
struct SequenceInputs {
  torch::Tensor items;    // int64 [sequences, length]; 0 where there is no item
  torch::Tensor padding;  // int32 [sequences]: how many leading positions hold no item
};

// Windows with what is to be predicted at their positions.
struct WindowBatch {
  SequenceInputs inputs;
  torch::Tensor rows;     // int64 [positions]: rows of the network's output that hold a position
  torch::Tensor targets;  // int64 [positions]
  std::vector<int32_t> users;  // [positions]
};

WindowBatch MakeWindowBatch(const Dataset& dataset, absl::Span<const Window> windows, int length);

// For a network that sees a whole sequence: each window's items and the one after them, at most
// `history` + 1, some masked. What is to be predicted are the masked ones: always the last, as when
// a recommendation is made, and others at random.
WindowBatch MakeMaskedBatch(const Dataset& dataset, absl::Span<const Window> windows, int history,
                            Random* random);

// The last `length` items of each query's history.
SequenceInputs MakeInputs(absl::Span<const Query> queries, int length);

// The last `length` - 1 of them, and a mask token.
SequenceInputs MakeMaskedInputs(absl::Span<const Query> queries, int length);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_SEQUENCE_BATCH_H_
