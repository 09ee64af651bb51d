// Bytes as a page token: refused with a reason, or the position that a token of ours was made of.
#include <cstddef>
#include <cstdint>

#include "common/budget/paging.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto page = recsae::ReadPage(10, bytes, "filter");
  recsae::fuzz::RequireGoodError(page.status());
  if (!bytes.empty()) {
    const auto own = recsae::ReadPage(10, recsae::MakePageToken(bytes, "filter"), "filter");
    recsae::fuzz::Require(own.ok() && own->position == bytes, "a token gives its position back");
    const auto other = recsae::ReadPage(10, recsae::MakePageToken(bytes, "filter"), "another");
    recsae::fuzz::Require(!other.ok(), "a token is of one filter");
  }
  return 0;
}
