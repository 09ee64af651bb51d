#include "common/process/metrics_endpoint.h"

#include <netinet/in.h>
#include <poll.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/process/listen.h"
#include "common/rpc/metrics.h"

namespace recsae {
namespace {

// A request is a line and some headers; more than this is none of ours.
constexpr size_t kMaxRequestBytes = 8192;
// A client that neither sends nor reads for so long is left.
constexpr timeval kPatience = {2, 0};

// Up to the end of the headers; "" if it does not come.
std::string ReadRequest(int connection) {
  std::string request;
  char buffer[1024];
  while (!absl::StrContains(request, "\r\n\r\n")) {
    const ssize_t got = recv(connection, buffer, sizeof(buffer), 0);
    if (got <= 0 || request.size() > kMaxRequestBytes) return "";
    request.append(buffer, static_cast<size_t>(got));
  }
  return request;
}

void SendAll(int connection, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<size_t>(sent));
  }
}

std::string Response(absl::string_view status, absl::string_view body) {
  return absl::StrCat("HTTP/1.1 ", status,
                      "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8"
                      "\r\nContent-Length: ",
                      body.size(), "\r\nConnection: close\r\n\r\n", body);
}

// 0 if the socket is not bound.
int BoundPort(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(
    const std::string& address, const MetricsRegistry& registry) {
  RECSAE_ASSIGN_OR_RETURN(const int listener, BindTcp(address, "metrics-listen"));
  const int stop = eventfd(0, EFD_CLOEXEC);
  if (stop < 0 || listen(listener, 16) != 0) {
    const std::string why = std::generic_category().message(errno);
    close(listener);
    if (stop >= 0) close(stop);
    return Error(absl::StatusCode::kFailedPrecondition, "ADDRESS_NOT_AVAILABLE",
                 absl::StrCat("cannot serve metrics on ", address, ": ", why,
                              "; choose another address with --metrics-listen"),
                 {{"address", address}});
  }
  return std::unique_ptr<MetricsEndpoint>(new MetricsEndpoint(listener, stop, registry.registry()));
}

MetricsEndpoint::MetricsEndpoint(int listener, int stop,
                                 std::shared_ptr<prometheus::Registry> registry)
    : listener_(listener),
      stop_(stop),
      registry_(std::move(registry)),
      port_(BoundPort(listener)),
      thread_([this] { Run(); }) {}

MetricsEndpoint::~MetricsEndpoint() {
  eventfd_write(stop_, 1);
  thread_.join();
  close(listener_);
  close(stop_);
}

void MetricsEndpoint::Run() {
  while (true) {
    pollfd waiting[] = {{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
    if (poll(waiting, 2, -1) < 0) continue;
    if (waiting[0].revents != 0) return;
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
    Serve(connection);
    close(connection);
  }
}

void MetricsEndpoint::Serve(int connection) const {
  const std::string request = ReadRequest(connection);
  const std::vector<std::string> words =
      absl::StrSplit(request.substr(0, request.find("\r\n")), ' ');
  if (words.size() != 3) {
    SendAll(connection,
            Response("400 Bad Request", "this is the metrics endpoint: GET /metrics\n"));
  } else if (words[0] != "GET") {
    SendAll(connection, Response("405 Method Not Allowed", "only GET /metrics\n"));
  } else if (words[1] != "/metrics" && !absl::StartsWith(words[1], "/metrics?")) {
    SendAll(connection, Response("404 Not Found", "only GET /metrics\n"));
  } else {
    SendAll(connection,
            Response("200 OK", prometheus::TextSerializer().Serialize(registry_->Collect())));
  }
}

}  // namespace recsae
