// What the encoder makes of a block of training rows, before the gradients are worked out.
#ifndef RECSAE_COMMON_SAE_BLOCK_CODES_H_
#define RECSAE_COMMON_SAE_BLOCK_CODES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "common/sae/codes.h"

namespace recsae::sae {

// Lists of latents for consecutive rows, each by rising latent.
struct RowLists {
  std::vector<LatentActivation> entries;
  std::vector<int32_t> ends;  // of each row's entries, the start of the next one's

  void Clear() {
    entries.clear();
    ends.clear();
  }
  // Ends the row that entries were added for.
  void EndRow() { ends.push_back(static_cast<int32_t>(entries.size())); }
  int32_t Begin(int64_t row) const { return row == 0 ? 0 : ends[static_cast<size_t>(row - 1)]; }
  std::span<const LatentActivation> Row(int64_t row) const {
    const int32_t begin = Begin(row);
    return {entries.data() + begin, static_cast<size_t>(ends[static_cast<size_t>(row)] - begin)};
  }
};

struct BlockCodes {
  RowLists active;  // the code; of BatchTopK first all that may be in it
  RowLists dead;    // the k_aux largest dead latents (auxiliary loss), empty lists without
  RowLists band;    // JumpReLU: latents within half a bandwidth of their threshold; value: pre

  void Clear() {
    active.Clear();
    dead.Clear();
    band.Clear();
  }
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_BLOCK_CODES_H_
