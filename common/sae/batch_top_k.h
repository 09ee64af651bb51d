// BatchTopK's selection: the largest pre-activations of a whole batch.
#ifndef RECSAE_COMMON_SAE_BATCH_TOP_K_H_
#define RECSAE_COMMON_SAE_BATCH_TOP_K_H_

#include <cstdint>
#include <vector>

#include "common/sae/block_codes.h"

namespace recsae::sae {

// Removes from the lists, of consecutive rows, all but the `wanted` largest entries; of values that
// tie for the last place the lower row, then the lower latent, stays. Returns the smallest value
// kept, infinite where there is none.
float KeepLargestOfBatch(const std::vector<RowLists*>& lists, int64_t wanted);

// The same where the entries of row r, counted over all lists, stand for weights[r] > 0 entries
// each: of the largest, so many that their weights come as near to `wanted` as whole entries do.
float KeepHeaviestOfBatch(const std::vector<RowLists*>& lists, const float* weights, double wanted);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_BATCH_TOP_K_H_
