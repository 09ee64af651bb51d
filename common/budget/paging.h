// The rules of List calls: page sizes in entries and bytes, and opaque page tokens bound to the
// filter.
#ifndef RECSAE_COMMON_BUDGET_PAGING_H_
#define RECSAE_COMMON_BUDGET_PAGING_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/budget/limits.h"

namespace recsae {

struct PageLimits {
  int32_t default_size = 50;
  int32_t max_size = 1000;
};

// What a List call has to return.
struct Page {
  int32_t size = 0;
  // Where the previous page ended, in the terms of the one who made the token; empty = first page.
  std::string position;
};

// page_size: 0 = default, too large = the maximum, negative = INVALID_ARGUMENT (PAGE_SIZE_INVALID).
// page_token: INVALID_ARGUMENT (PAGE_TOKEN_INVALID) if it was not made by MakePageToken, or for
// another `filter` (everything in the request that decides what is listed and in what order).
absl::StatusOr<Page> ReadPage(int32_t page_size, absl::string_view page_token,
                              absl::string_view filter, const PageLimits& limits = {});

// The token for the page that follows `position` (not empty), URL-safe text.
std::string MakePageToken(absl::string_view position, absl::string_view filter);

// Ends a page: counts entries and bytes.
class PageBytes {
 public:
  explicit PageBytes(int32_t size) : size_(size) {}

  // Whether an entry of `bytes` is still for this page. The first one always is.
  bool Takes(size_t bytes) {
    if (entries_ > 0 && (entries_ >= size_ || bytes_ + static_cast<int64_t>(bytes) > kPageBytes)) {
      return false;
    }
    ++entries_;
    bytes_ += static_cast<int64_t>(bytes);
    return true;
  }

 private:
  const int32_t size_;
  int32_t entries_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_BUDGET_PAGING_H_
