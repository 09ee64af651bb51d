// Shared checks.
#include "services/explainer/backend/request_checks.h"

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"

namespace recsae::explainer {

void CheckRange(absl::string_view field, int64_t value, int64_t low, int64_t high,
                BadRequest& bad) {
  if (value >= low && value <= high) return;
  bad.Add(field, absl::StrCat("must be ", low, " to ", high, ", is ", value));
}

void CheckName(absl::string_view field, const std::string& name, absl::string_view pattern,
               BadRequest& bad) {
  bad.Add(field, ParseName(name, pattern).status());
}

}  // namespace recsae::explainer
