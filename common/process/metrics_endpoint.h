// The HTTP endpoint that Prometheus and Kubernetes read.
#ifndef RECSAE_COMMON_PROCESS_METRICS_ENDPOINT_H_
#define RECSAE_COMMON_PROCESS_METRICS_ENDPOINT_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace recsae {

class MetricsRegistry;

// One thing that must be right for a server to be ready, and whether it is.
using ReadyCheck = std::pair<std::string, absl::Status>;
// All of them, as they are now. Called from any thread.
using Readiness = std::function<std::vector<ReadyCheck>()>;

// Serves from Start until its destruction:
//   GET /metrics  what Prometheus scrapes;
//   GET /livez    200 as long as the process answers;
//   GET /readyz   200 where every check is right, else 503; a line for each check.
// Other paths are 404, other methods 405, what is no HTTP request is 400. Each connection is for
// one request of at most 8 KiB, and has 5 s from its first to its last byte. Four are served at
// once; one more takes the place of the one that has waited longest without having asked for
// anything, so that silent or dripping clients do not keep a scrape from its answer. Destruction
// ends whatever is going on.
class MetricsEndpoint {
 public:
  // Serves `registry` and `readiness` on "host:port"; port 0 = any free port. FAILED_PRECONDITION
  // (reason ADDRESS_NOT_AVAILABLE) if it cannot.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(const std::string& address,
                                                                const MetricsRegistry& registry,
                                                                Readiness readiness);
  ~MetricsEndpoint();
  MetricsEndpoint(const MetricsEndpoint&) = delete;
  MetricsEndpoint& operator=(const MetricsEndpoint&) = delete;

  int port() const { return port_; }

 private:
  class Server;
  MetricsEndpoint(int port, std::unique_ptr<Server> server);

  const int port_;
  const std::unique_ptr<Server> server_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_METRICS_ENDPOINT_H_
