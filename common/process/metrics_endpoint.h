// The HTTP endpoint that Prometheus reads.
//
// Not prometheus-cpp's own (CivetWeb): that gives its threads 100 KiB of stack, which is less than
// the thread-local storage of a process with libtorch in it, so they cannot start there.
#ifndef RECSAE_COMMON_PROCESS_METRICS_ENDPOINT_H_
#define RECSAE_COMMON_PROCESS_METRICS_ENDPOINT_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

namespace prometheus {
class Registry;
}  // namespace prometheus

namespace recsae {

class MetricsRegistry;

// Serves GET /metrics, one request after the other, from Start until its destruction.
class MetricsEndpoint {
 public:
  // Serves `registry` on "host:port"; port 0 = any free port. FAILED_PRECONDITION (reason
  // ADDRESS_NOT_AVAILABLE) if it cannot.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(const std::string& address,
                                                                const MetricsRegistry& registry);
  ~MetricsEndpoint();
  MetricsEndpoint(const MetricsEndpoint&) = delete;
  MetricsEndpoint& operator=(const MetricsEndpoint&) = delete;

  int port() const { return port_; }

 private:
  MetricsEndpoint(int listener, int stop, std::shared_ptr<prometheus::Registry> registry);
  void Run();
  void Serve(int connection) const;

  const int listener_;
  const int stop_;  // an eventfd; readable once Run shall return
  const std::shared_ptr<prometheus::Registry> registry_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_METRICS_ENDPOINT_H_
