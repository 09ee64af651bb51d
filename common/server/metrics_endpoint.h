// The HTTP endpoint that Prometheus reads.
#ifndef RECSAE_COMMON_SERVER_METRICS_ENDPOINT_H_
#define RECSAE_COMMON_SERVER_METRICS_ENDPOINT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace prometheus {
class Exposer;
}  // namespace prometheus

namespace recsae {

class MetricsRegistry;

// Serves GET /metrics from Start until its destruction.
class MetricsEndpoint {
 public:
  // Serves `registry` on "host:port"; port 0 = any free port. FAILED_PRECONDITION (reason
  // ADDRESS_NOT_AVAILABLE) if it cannot.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(const std::string& address,
                                                                MetricsRegistry& registry);
  ~MetricsEndpoint();

  int port() const;

 private:
  MetricsEndpoint(std::string host, std::unique_ptr<prometheus::Exposer> exposer);

  const std::string host_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_SERVER_METRICS_ENDPOINT_H_
