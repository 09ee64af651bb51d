// The service grpc.health.v1.Health. Unlike gRPC's own it starts as NOT_SERVING and can end its
// watches, which would else hold up a graceful stop until its deadline.
#ifndef RECSAE_COMMON_PROCESS_HEALTH_H_
#define RECSAE_COMMON_PROCESS_HEALTH_H_

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"

namespace recsae {

// Health of the whole server (service name "") and of each of its services. Thread-safe.
class HealthService : public grpc::health::v1::Health::CallbackService {
 public:
  HealthService();
  ~HealthService() override;

  // Adds a service, as (not) serving as the server is now.
  void Add(const std::string& service);
  // For the server and every service.
  void SetServing(bool serving);
  // Sends the last change to every watcher and ends its stream with UNAVAILABLE; later watches end
  // in the same way.
  void EndWatches();

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  class Watcher;
  using State = grpc::health::v1::HealthCheckResponse::ServingStatus;

  void Forget(Watcher* watcher);

  std::mutex mutex_;
  State server_state_ = grpc::health::v1::HealthCheckResponse::NOT_SERVING;
  std::map<std::string, State> states_;  // by service
  std::set<Watcher*> watchers_;
  bool ending_ = false;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_HEALTH_H_
