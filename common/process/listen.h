// Checks of what a server needs from the machine, with errors that a person can act on.
#ifndef RECSAE_COMMON_PROCESS_LISTEN_H_
#define RECSAE_COMMON_PROCESS_LISTEN_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae {

// A TCP socket bound to "host:port", for the caller to close. FAILED_PRECONDITION (reason
// ADDRESS_NOT_AVAILABLE), naming `flag`, if that fails or any address of the host is in use.
absl::StatusOr<int> BindTcp(const std::string& address, absl::string_view flag);

// Binds for a moment, for what gRPC will listen on: its own report is several log lines and lacks
// the cause.
absl::Status CheckAddressFree(const std::string& address, absl::string_view flag);

// Writes `text` so that a reader sees all of it or no file. FAILED_PRECONDITION
// (reason FILE_NOT_WRITABLE).
absl::Status WriteFileAtomically(const std::string& path, const std::string& text);

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_LISTEN_H_
