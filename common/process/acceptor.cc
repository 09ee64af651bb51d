#include "common/process/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/process/listen.h"
#include "common/rpc/guard.h"

namespace recsae {
namespace {

// Connections that the kernel holds while the thread is busy.
constexpr int kBacklog = 1024;
// What a failing accept() (no file descriptors left) waits before the next.
constexpr auto kAcceptAgain = std::chrono::milliseconds(50);
// How long a connection may say nothing before it has to make room where room is short.
constexpr int64_t kSilenceNs = 1'000'000'000;

int64_t NowNs() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

// The address without its port: "10.0.0.7", "2001:db8::1".
std::string PeerOf(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  return text.data();
}

bool HasSent(int socket) {
  tcp_info info = {};
  socklen_t size = sizeof(info);
  return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
         info.tcpi_bytes_received > 0;
}

void Watch(int poll, int descriptor, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.fd = descriptor;
  epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event);
}

}  // namespace

int64_t RaiseFileLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<int64_t>(limit.rlim_cur);
}

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Bind(const std::string& address,
                                                         ConnectionLimits limits) {
  RECSAE_ASSIGN_OR_RETURN(std::vector<int> listeners, BindAllTcp(address, "listen"));
  const int port = BoundPort(listeners.front());
  return std::unique_ptr<Acceptor>(new Acceptor(std::move(listeners), port, limits));
}

Acceptor::Acceptor(std::vector<int> listeners, int port, ConnectionLimits limits)
    : listeners_(std::move(listeners)), port_(port), limits_(limits) {}

Acceptor::~Acceptor() { Stop(); }

absl::Status Acceptor::Start(std::function<void(int socket, int listener)> take) {
  take_ = std::move(take);
  poll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  Watch(poll_, wake_, EPOLLIN);
  for (const int listener : listeners_) {
    if (listen(listener, kBacklog) != 0) {
      return Error(absl::StatusCode::kFailedPrecondition, "ADDRESS_NOT_AVAILABLE",
                   absl::StrCat("cannot listen on port ", port_, ": ",
                                std::generic_category().message(errno)));
    }
    fcntl(listener, F_SETFL, O_NONBLOCK);
    Watch(poll_, listener, EPOLLIN);
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Acceptor::Stop() {
  if (stopping_.exchange(true)) return;
  if (wake_ >= 0) eventfd_write(wake_, 1);
  if (thread_.joinable()) thread_.join();
  for (const int listener : listeners_) close(listener);
  for (const auto& [watched, connection] : open_) close(watched);
  if (wake_ >= 0) close(wake_);
  if (poll_ >= 0) close(poll_);
}

void Acceptor::Run() {
  std::array<epoll_event, 64> events{};
  while (!stopping_) {
    const int count = epoll_wait(poll_, events.data(), events.size(), -1);
    for (int i = 0; i < count && !stopping_; ++i) {
      const int descriptor = events[static_cast<size_t>(i)].data.fd;
      if (descriptor == wake_) continue;
      const bool is_listener =
          std::find(listeners_.begin(), listeners_.end(), descriptor) != listeners_.end();
      Contain("the listening port", [&] {
        is_listener ? Accept(descriptor) : Forget(descriptor);
        return absl::OkStatus();
      }).IgnoreError();
    }
  }
}

// All that wait; the port goes on whatever fails.
void Acceptor::Accept(int listener) {
  while (!stopping_) {
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    const int socket = accept4(listener, reinterpret_cast<sockaddr*>(&address), &size,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) {
      Take(socket, listener, PeerOf(address));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      if (!CloseSilent()) std::this_thread::sleep_for(kAcceptAgain);
      return;  // epoll tells again
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

void Acceptor::Take(int socket, int listener, const std::string& peer) {
  const int watched = HasRoom(peer) ? fcntl(socket, F_DUPFD_CLOEXEC, 0) : -1;
  if (watched < 0) {
    close(socket);
    return;
  }
  const int64_t now = NowNs();
  open_[watched] = {peer, now};
  silent_.emplace_back(watched, now);
  ++by_peer_[peer];
  ++counts_.open;
  // Closed by both sides: no bytes are looked at here.
  Watch(poll_, watched, EPOLLHUP | EPOLLERR);
  take_(socket, listener);
}

bool Acceptor::HasRoom(const std::string& peer) {
  const auto of_peer = by_peer_.find(peer);
  if (of_peer != by_peer_.end() && of_peer->second >= limits_.one_peer) {
    ++counts_.refused_for_one_peer;
    return false;
  }
  if (static_cast<int64_t>(open_.size()) < limits_.all || CloseSilent()) return true;
  ++counts_.refused_for_all;
  return false;
}

// Closes the oldest connection that has never said a thing; false where there is none. Those that
// have spoken leave the line for good, so that each is looked at once.
bool Acceptor::CloseSilent() {
  const int64_t now = NowNs();
  while (!silent_.empty()) {
    const auto [watched, since] = silent_.front();
    const auto connection = open_.find(watched);
    const bool gone = connection == open_.end() || connection->second.since_ns != since;
    if (!gone && now - since < kSilenceNs) return false;
    silent_.pop_front();
    if (gone || HasSent(watched)) continue;
    ++counts_.silent_closed;
    shutdown(watched, SHUT_RDWR);  // gRPC sees it too
    Forget(watched);
    return true;
  }
  return false;
}

void Acceptor::Forget(int watched) {
  const auto connection = open_.find(watched);
  if (connection == open_.end()) return;
  const auto peer = by_peer_.find(connection->second.peer);
  if (--peer->second == 0) by_peer_.erase(peer);
  open_.erase(connection);
  --counts_.open;
  epoll_ctl(poll_, EPOLL_CTL_DEL, watched, nullptr);  // gRPC's descriptor may still be open
  close(watched);
}

}  // namespace recsae
