// Checks of what a server needs from the machine, with errors that a person can act on.
#ifndef RECSAE_COMMON_PROCESS_LISTEN_H_
#define RECSAE_COMMON_PROCESS_LISTEN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae {

// TCP sockets bound to "host:port", one for each address of the host that this machine has and all
// with the same port, for the caller to close; at least one. What they accept sends at once
// (TCP_NODELAY). FAILED_PRECONDITION (reason
// ADDRESS_NOT_AVAILABLE), naming `flag`, if none can be bound or any is in use.
absl::StatusOr<std::vector<int>> BindAllTcp(const std::string& address, absl::string_view flag);

// The first of them.
absl::StatusOr<int> BindTcp(const std::string& address, absl::string_view flag);

// The port of a bound socket.
int BoundPort(int socket);

// Writes `text` so that a reader sees all of it or no file. FAILED_PRECONDITION
// (reason FILE_NOT_WRITABLE).
absl::Status WriteFileAtomically(const std::string& path, const std::string& text);

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_LISTEN_H_
