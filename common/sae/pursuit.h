// Codes by pursuit: the few dictionary directions, with least-squares values, that rebuild a row.
#ifndef RECSAE_COMMON_SAE_PURSUIT_H_
#define RECSAE_COMMON_SAE_PURSUIT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "common/sae/codes.h"
#include "common/sae/packed_encoder.h"

namespace recsae::sae {

// Non-negative orthogonal matching pursuit (Pati et al. 1993; non-negative: Bruckstein et al. 2008)
// over the rows of a decoder. Each step takes the direction that points most along what is still
// missing of the row, then finds the values of all directions taken by least squares and drops
// those below 0. Immutable and thread-safe.
class Pursuit {
 public:
  Pursuit() = default;
  // decoder [F, d]; rows of zeros are never taken.
  Pursuit(const std::vector<float>& decoder, int latents, int dim);

  // Appends the codes of rows [n, d] to `codes`: at most k entries each, values above 0, by falling
  // value. A row's code does not depend on the rows beside it.
  void Encode(const float* rows, int64_t n, int k, SparseCodes& codes) const;

 private:
  class Row;

  int dim_ = 0;
  std::vector<float> directions_;  // [F, d]: the decoder's rows, of unit norm
  std::vector<float> norms_;       // [F]: of the decoder's rows
  PackedEncoder packed_;           // of directions_
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_PURSUIT_H_
