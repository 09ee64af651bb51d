// Sizes in bytes, worked out from counts that a caller chose: sums and products that do not
// overflow. What is more than an int64 holds stays at the largest one, which no budget has.
#ifndef RECSAE_COMMON_BUDGET_BYTES_H_
#define RECSAE_COMMON_BUDGET_BYTES_H_

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>

#include "absl/strings/string_view.h"

namespace recsae {

inline constexpr int64_t kMostBytes = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kKib = int64_t{1} << 10;
inline constexpr int64_t kMib = int64_t{1} << 20;
inline constexpr int64_t kGib = int64_t{1} << 30;

// a · b and a + b; negative numbers count as 0.
inline int64_t SaturatingProduct(int64_t a, int64_t b) {
  if (a <= 0 || b <= 0) return 0;
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kMostBytes : product;
}
inline int64_t SaturatingSum(int64_t a, int64_t b) {
  if (a < 0) a = 0;
  if (b < 0) b = 0;
  return a > kMostBytes - b ? kMostBytes : a + b;
}

// Of any number of them: Product({rows, dim, sizeof(float)}).
inline int64_t Product(std::initializer_list<int64_t> factors) {
  int64_t product = 1;
  for (const int64_t factor : factors) {
    if (factor <= 0) return 0;  // however large the product before it
    product = SaturatingProduct(product, factor);
  }
  return product;
}
inline int64_t Sum(std::initializer_list<int64_t> terms) {
  int64_t sum = 0;
  for (const int64_t term : terms) sum = SaturatingSum(sum, term);
  return sum;
}

// "512 B", "3.4 MiB", "34.0 GiB".
std::string FormatBytes(int64_t bytes);

// "1073741824", "1024MiB", "1Gi", "1G" (all the same: units are powers of 1024). False if `text` is
// no such size, or 0.
bool ParseBytes(absl::string_view text, int64_t* bytes);

}  // namespace recsae

#endif  // RECSAE_COMMON_BUDGET_BYTES_H_
