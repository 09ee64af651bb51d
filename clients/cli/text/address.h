// Where a server is, as people write it.
#ifndef RECSAE_CLIENTS_CLI_TEXT_ADDRESS_H_
#define RECSAE_CLIENTS_CLI_TEXT_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::cli {

// HOST:PORT of "HOST:PORT", " http://HOST:PORT/ " or "grpc://HOST:PORT"; names of gRPC's own
// ("dns:///…", "unix:…") stay. A usage error for anything else, https:// among it: TLS is
// chosen by --tls-ca.
absl::StatusOr<std::string> ServerAddress(absl::string_view flag, absl::string_view text);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_ADDRESS_H_
