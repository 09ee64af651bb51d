// Sorting that somebody may lose interest in.
#ifndef RECSAE_COMMON_MATH_SORT_H_
#define RECSAE_COMMON_MATH_SORT_H_

#include <algorithm>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "common/base/status.h"

namespace recsae::math {

// Sorts [begin, end) as std::sort does, where no two values are equal. `alive` is asked every few
// milliseconds; what it returns, if it is not OK, ends the work with the values in some order.
template <typename Iterator, typename Less>
absl::Status SortWhile(Iterator begin, Iterator end, Less less,
                       absl::FunctionRef<absl::Status()> alive) {
  constexpr auto kPiece = 1 << 15;
  RECSAE_RETURN_IF_ERROR(alive());
  if (end - begin <= kPiece) {
    std::sort(begin, end, less);
    return absl::OkStatus();
  }
  const Iterator middle = begin + (end - begin) / 2;
  RECSAE_RETURN_IF_ERROR(SortWhile(begin, middle, less, alive));
  RECSAE_RETURN_IF_ERROR(SortWhile(middle, end, less, alive));
  RECSAE_RETURN_IF_ERROR(alive());
  std::inplace_merge(begin, middle, end, less);
  return absl::OkStatus();
}

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_SORT_H_
