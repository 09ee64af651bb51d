// The RPC service recsae.hosts.v1.ModelHosts: the streams of hosts that dialled in.
#ifndef RECSAE_SERVICES_PROBE_RPC_MODEL_HOSTS_SERVICE_H_
#define RECSAE_SERVICES_PROBE_RPC_MODEL_HOSTS_SERVICE_H_

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "absl/status/status.h"
#include "recsae/hosts/v1/hosts.grpc.pb.h"
#include "services/probe/hosts/host_registry.h"
#include "services/probe/resources/resources.h"

namespace recsae {
class MemoryBudget;
}  // namespace recsae

namespace recsae::probe {

// Everything passed in outlives the service. A stream takes no thread but while its host is
// admitted.
class ModelHosts final : public hosts::v1::ModelHosts::CallbackService {
 public:
  ModelHosts(Resources& resources, HostRegistry& registry, MemoryBudget& memory);
  // The server that serves it must have shut down.
  ~ModelHosts() override;

  // Ends all streams, and those that still come, with UNAVAILABLE (SERVER_DRAINING); waits a little
  // for the hosts to take it.
  void Drain();

  grpc::ServerBidiReactor<hosts::v1::HostRecommenderRequest, hosts::v1::HostRecommenderResponse>*
  HostRecommender(grpc::CallbackServerContext* context) override;

 private:
  class Stream;
  // A thread that admits a host.
  struct Admitting;

  void StartAdmission(const std::shared_ptr<Stream>& stream);
  void Remove(Stream* stream);

  Resources& resources_;
  HostRegistry& registry_;
  MemoryBudget& memory_;
  std::mutex mutex_;
  std::condition_variable removed_;
  std::set<std::shared_ptr<Stream>> streams_;
  std::list<Admitting> admitting_;
  bool draining_ = false;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RPC_MODEL_HOSTS_SERVICE_H_
