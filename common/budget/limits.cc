#include "common/budget/limits.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae {

absl::Status CheckTextSize(absl::string_view text, size_t most) {
  if (text.size() <= most) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "TEXT_TOO_LONG",
               absl::StrCat("must have at most ", most, " bytes, has ", text.size()));
}

}  // namespace recsae
