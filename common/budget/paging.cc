#include "common/budget/paging.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"

namespace recsae {
namespace {

// Hex of 64 bits.
constexpr size_t kSealLength = 16;

// Ties a position to its filter, and shows that a token was made here.
std::string Seal(absl::string_view position, absl::string_view filter) {
  return absl::StrCat(
      absl::Hex(Fingerprint(absl::StrCat("page 1 ", filter.size(), ":", filter, position)),
                absl::kZeroPad16));
}

}  // namespace

absl::StatusOr<Page> ReadPage(int32_t page_size, absl::string_view page_token,
                              absl::string_view filter, const PageLimits& limits) {
  if (page_size < 0) {
    return Error(absl::StatusCode::kInvalidArgument, "PAGE_SIZE_INVALID",
                 absl::StrCat("page_size must not be negative, is ", page_size));
  }
  Page page;
  page.size = std::min(page_size == 0 ? limits.default_size : page_size, limits.max_size);
  if (page_token.empty()) return page;
  std::string decoded;
  if (!absl::WebSafeBase64Unescape(page_token, &decoded) || decoded.size() <= kSealLength ||
      Seal(absl::string_view(decoded).substr(kSealLength), filter) !=
          decoded.substr(0, kSealLength)) {
    return Error(absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID",
                 "page_token must be the next_page_token of a call with the same filter; start "
                 "again with an empty one");
  }
  page.position = decoded.substr(kSealLength);
  return page;
}

std::string MakePageToken(absl::string_view position, absl::string_view filter) {
  return absl::WebSafeBase64Escape(absl::StrCat(Seal(position, filter), position));
}

}  // namespace recsae
