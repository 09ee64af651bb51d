#include "common/process/listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/address.h"
#include "common/base/status.h"

namespace recsae {
namespace {

absl::Status NotAvailable(const std::string& address, absl::string_view flag,
                          absl::string_view why) {
  return Error(absl::StatusCode::kFailedPrecondition, "ADDRESS_NOT_AVAILABLE",
               absl::StrCat("cannot listen on ", address, ": ", why,
                            "; choose another address with --", flag),
               {{"address", address}});
}

// The socket, or minus the errno of what failed. `alone`: an IPv6 address takes no IPv4, which has
// a socket of its own.
int TryBind(const addrinfo& info, int port, bool alone) {
  sockaddr_storage address = {};
  std::memcpy(&address, info.ai_addr, info.ai_addrlen);
  (address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                 : reinterpret_cast<sockaddr_in&>(address).sin_port) =
      htons(static_cast<uint16_t>(port));
  const int fd = socket(info.ai_family, info.ai_socktype | SOCK_CLOEXEC, info.ai_protocol);
  if (fd < 0) return -errno;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // Connections inherit it: the last packet of an answer would wait up to 40 ms for the peer's
  // acknowledgement of the one before.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (alone) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), info.ai_addrlen) == 0) return fd;
  const int error = errno;
  close(fd);
  return -error;
}

}  // namespace

absl::StatusOr<std::vector<int>> BindAllTcp(const std::string& address, absl::string_view flag) {
  std::string host;
  int port = 0;
  if (!SplitAddress(address, &host, &port)) {
    return NotAvailable(address, flag, "it is not HOST:PORT");
  }
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int unresolved = getaddrinfo(host == "*" ? nullptr : host.c_str(), "0", &hints, &found);
  if (unresolved != 0) return NotAvailable(address, flag, gai_strerror(unresolved));
  // A name may stand for addresses that this machine lacks (::1); one that is taken is an error.
  std::vector<int> bound;
  int error = 0;
  for (const addrinfo* info = found; info != nullptr && error != EADDRINUSE; info = info->ai_next) {
    const int result =
        TryBind(*info, port, info->ai_family == AF_INET6 && found->ai_next != nullptr);
    if (result >= 0) {
      bound.push_back(result);
      port = BoundPort(result);
    } else if (error == 0 || result == -EADDRINUSE) {
      error = -result;
    }
  }
  freeaddrinfo(found);
  if (!bound.empty() && error != EADDRINUSE) return bound;
  for (const int fd : bound) close(fd);
  return NotAvailable(address, flag, std::generic_category().message(error));
}

absl::StatusOr<int> BindTcp(const std::string& address, absl::string_view flag) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<int> bound, BindAllTcp(address, flag));
  for (size_t i = 1; i < bound.size(); ++i) close(bound[i]);
  return bound.front();
}

int BoundPort(int socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

absl::Status WriteFileAtomically(const std::string& path, const std::string& text) {
  const std::string draft = absl::StrCat(path, ".", getpid(), ".tmp");
  std::ofstream out(draft, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (out.fail() || std::rename(draft.c_str(), path.c_str()) != 0) {
    const std::string why = std::generic_category().message(errno);
    std::remove(draft.c_str());
    return Error(absl::StatusCode::kFailedPrecondition, "FILE_NOT_WRITABLE",
                 absl::StrCat("cannot write ", path, ": ", why), {{"file", path}});
  }
  return absl::OkStatus();
}

}  // namespace recsae
