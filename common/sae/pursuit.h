// Codes by pursuit: of the latents that the encoder proposes, the few whose directions rebuild a
// row best, with least-squares values.
#ifndef RECSAE_COMMON_SAE_PURSUIT_H_
#define RECSAE_COMMON_SAE_PURSUIT_H_

#include <span>
#include <vector>

#include "common/sae/codes.h"

namespace recsae::sae {

// Non-negative orthogonal matching pursuit (Pati et al. 1993; non-negative: Bruckstein et al. 2008)
// over some rows of a decoder. Each step takes the direction that points most along what is still
// missing of the row, then finds the values of all directions taken by least squares and drops
// those below 0. Immutable and thread-safe.
class Pursuit {
 public:
  Pursuit() = default;
  // decoder [F, d]; rows of zeros are never taken.
  Pursuit(const std::vector<float>& decoder, int latents, int dim);

  // The code of target [d] over the latents of `candidates` (distinct; their values do not matter):
  // at most k entries, values above 0, by falling value.
  std::vector<LatentActivation> Encode(const float* target,
                                       std::span<const LatentActivation> candidates, int k) const;

 private:
  class Row;

  int dim_ = 0;
  std::vector<float> directions_;  // [F, d]: the decoder's rows, of unit norm
  std::vector<float> norms_;       // [F]: of the decoder's rows
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_PURSUIT_H_
