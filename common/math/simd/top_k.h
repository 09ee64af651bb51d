// Selection of the pre-activations that make a code.
#ifndef RECSAE_COMMON_MATH_SIMD_TOP_K_H_
#define RECSAE_COMMON_MATH_SIMD_TOP_K_H_

#include <cstdint>

#include "common/math/simd/codes.h"

namespace recsae::math {

// All functions are thread-safe. NaN and −infinity are never selected.

// What the pre-activations of one row are made of: encoder [F, dim] · row [dim] + bias [F] (null:
// 0).
struct ExactProduct {
  const float* row;
  const float* encoder;
  const float* bias;
  int dim;
};

// Some pre-activations of one row: values[i], plus bias[i] where bias is not null, is that of
// latent first + i.
struct PreActivationSpan {
  const float* values;
  int n;
  int32_t first;
  // Where they are known: maxima of disjoint groups of the pre-activations, or of lower bounds of
  // them; null = not known.
  const float* maxima = nullptr;
  int groups = 0;
  // Where the values are only upper bounds: how the exact ones are found.
  const ExactProduct* exact = nullptr;
};

// Makes the k largest of list[0..count) (k at most, by rising latent, all of latents before
// pre.first) and of pre the new list, by rising latent; list has room for k + pre.n. Of values that
// tie for the last place the lower latent stays. With positive_only (ReLU) values that are not
// above 0 are left out. Returns the new count, at most k.
int OfferTopK(const PreActivationSpan& pre, int k, bool positive_only, LatentActivation* list,
              int count);

// Writes those above threshold[first + i] (0 where threshold is null) to out (room for pre.n), by
// rising latent, and returns how many.
int CollectAbove(const PreActivationSpan& pre, const float* threshold, LatentActivation* out);

// Appends, of the latents that a mask (bit i: latent first + i) names, those whose exact
// pre-activation exceeds the floor to out (room for all of them), by rising latent, and returns how
// many.
int CollectExact(const uint64_t* mask, int words, int32_t first, const ExactProduct& exact,
                 float floor, LatentActivation* out);

// By falling value, equal values by rising latent.
void SortByValue(LatentActivation* code, int count);

// Writes the k largest of values[0..n) to out (room for min(k, n)), sorted by value; ties and
// positive_only as in OfferTopK. Returns how many were written.
int SelectTopK(const float* values, int n, int k, bool positive_only, LatentActivation* out);

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_SIMD_TOP_K_H_
