// Where a server is, as people write it.
#ifndef RECSAE_COMMON_BASE_ADDRESS_H_
#define RECSAE_COMMON_BASE_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae {

// Splits "host:port" or "[v6]:port". False if `address` is neither or the port is above 65535.
bool SplitAddress(absl::string_view address, std::string* host, int* port);

// Whether "host:port", "dns:///host:port" or "unix:path" is on this machine and reached from it
// alone, by the looks of it: localhost, 127.x.x.x, [::1].
bool IsLoopback(absl::string_view address);

enum class AddressUse {
  kListen,  // port 0 is any free one
  kDial,    // names of gRPC's own ("dns:///…", "unix:…") stay as they are
};

// HOST:PORT of "HOST:PORT", " http://HOST:PORT/ " or "grpc://HOST:PORT". INVALID_ARGUMENT
// (ADDRESS_INVALID) that says what is missing for anything else, https:// among it: TLS is chosen
// by naming authorities. Thread-safe.
absl::StatusOr<std::string> ReadAddress(absl::string_view text, AddressUse use);

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_ADDRESS_H_
