// The RPC service recsae.trainer.v1.Trainer.
#ifndef RECSAE_SERVICES_TRAINER_TRAINER_SERVICE_H_
#define RECSAE_SERVICES_TRAINER_TRAINER_SERVICE_H_

#include <memory>

namespace grpc {
class Service;
}  // namespace grpc

namespace recsae {
class JobRunner;
class MemoryBudget;
class Peer;
}  // namespace recsae

namespace recsae::trainer {

// `jobs` must outlive the service and have the kinds "train-sae" and "train-saes" registered; so
// must `memory`, which refuses what no job could be given.
std::unique_ptr<grpc::Service> MakeTrainerService(JobRunner& jobs, std::shared_ptr<Peer> probe,
                                                  std::shared_ptr<Peer> store,
                                                  MemoryBudget& memory);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_TRAINER_SERVICE_H_
