#include "clients/cli/text/address.h"

#include "absl/strings/str_cat.h"
#include "clients/cli/text/errors.h"
#include "common/base/address.h"

namespace recsae::cli {

absl::StatusOr<std::string> ServerAddress(absl::string_view flag, absl::string_view text) {
  absl::StatusOr<std::string> address = ReadAddress(text, AddressUse::kDial);
  if (address.ok()) return address;
  return UsageError(absl::StrCat(flag, ": ", std::string(address.status().message())));
}

}  // namespace recsae::cli
