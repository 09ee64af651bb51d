// Selection of the pre-activations that make a code.
#ifndef RECSAE_COMMON_SAE_TOP_K_H_
#define RECSAE_COMMON_SAE_TOP_K_H_

#include "common/sae/codes.h"

namespace recsae::sae {

// Writes the k largest of values[0..n) to out (room for min(k, n)), by falling value, equal values
// by rising index; of values that tie for the last place the lower index wins. With positive_only
// (ReLU) values that are not above 0 are left out. NaN and −infinity are never selected. Returns
// how many were written. Thread-safe.
int SelectTopK(const float* values, int n, int k, bool positive_only, LatentActivation* out);

// Writes every values[i] > threshold[i] (> 0 where threshold is null) to out (room for n), by
// falling value, equal values by rising index. NaN is never selected. Returns how many were
// written. Thread-safe.
int SelectAbove(const float* values, const float* threshold, int n, LatentActivation* out);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_TOP_K_H_
