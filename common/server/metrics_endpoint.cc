#include "common/server/metrics_endpoint.h"

#include <netdb.h>
#include <prometheus/exposer.h>
#include <prometheus/registry.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/server/flags.h"
#include "common/server/metrics.h"
#include "common/status/status.h"

namespace recsae {
namespace {

// Opens and closes a connection.
void Touch(const std::string& host, int port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found) != 0) return;
  const int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0) {
    // In progress or refused: either way there is nothing more to do.
    (void)connect(fd, found->ai_addr, found->ai_addrlen);
    close(fd);
  }
  freeaddrinfo(found);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(const std::string& address,
                                                                        MetricsRegistry& registry) {
  std::string host;
  int port = 0;
  SplitAddress(address, &host, &port);
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(address, 1);
    exposer->RegisterCollectable(registry.registry());
    return std::unique_ptr<MetricsEndpoint>(
        new MetricsEndpoint(std::move(host), std::move(exposer)));
  } catch (const std::exception& error) {
    return Error(absl::StatusCode::kFailedPrecondition, "ADDRESS_NOT_AVAILABLE",
                 absl::StrCat("cannot serve metrics on ", address, ": ", error.what(),
                              "; choose another address with --metrics-listen"),
                 {{"address", address}});
  }
}

MetricsEndpoint::MetricsEndpoint(std::string host, std::unique_ptr<prometheus::Exposer> exposer)
    : host_(std::move(host)), exposer_(std::move(exposer)) {}

// The HTTP library sees that it shall stop only at a connection or every two seconds.
MetricsEndpoint::~MetricsEndpoint() {
  std::thread wake([host = host_, port = port()] {
    absl::SleepFor(absl::Milliseconds(20));
    Touch(host, port);
  });
  exposer_.reset();
  wake.join();
}

int MetricsEndpoint::port() const { return exposer_->GetListeningPorts().front(); }

}  // namespace recsae
