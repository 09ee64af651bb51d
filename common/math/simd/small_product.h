// Products of matrices of which one stays in the first-level cache, and what makes codes of them.
// Each is compiled for several instruction sets and chosen at run time. Nothing needs alignment.
// Thread-safe for distinct outputs.
#ifndef RECSAE_COMMON_MATH_SIMD_SMALL_PRODUCT_H_
#define RECSAE_COMMON_MATH_SIMD_SMALL_PRODUCT_H_

#include <cstdint>

namespace recsae::math {

// Floats of a vector of this machine: matrices whose rows are a multiple of it are the fastest.
int VectorFloats();

// Value (i, j) is values[i · row + j · column].
struct StridedMatrix {
  const float* values;
  int64_t row;
  int64_t column = 1;
};

// C += A · B with A [m, p], B [p, n], C [m, n], the last two with their columns next to each other.
// Each value is summed over p in its order, however m is cut.
void AddProduct(const StridedMatrix& a, int m, int p, const float* b, int64_t b_row, int n,
                float* c, int64_t c_row);

// Makes 0 of all of n values but the k largest of those above 0, and of NaN. Where these are not
// found soon, as where some tie for the last place, of all that is not above 0. Returns how many
// are left.
int KeepPositive(int n, int k, float* x);

// Makes 0 of each x[i] whose code[i] is not above 0, n values.
void KeepActive(const float* code, int64_t n, float* x);

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_SIMD_SMALL_PRODUCT_H_
