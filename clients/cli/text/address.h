// Where a server is, as people write it.
#ifndef RECSAE_CLIENTS_CLI_TEXT_ADDRESS_H_
#define RECSAE_CLIENTS_CLI_TEXT_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::cli {

// What ReadAddress makes of the value of a flag; a usage error that names the flag for what is
// none.
absl::StatusOr<std::string> ServerAddress(absl::string_view flag, absl::string_view text);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_ADDRESS_H_
