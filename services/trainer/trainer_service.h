// The RPC service recsae.trainer.v1.Trainer.
#ifndef RECSAE_SERVICES_TRAINER_TRAINER_SERVICE_H_
#define RECSAE_SERVICES_TRAINER_TRAINER_SERVICE_H_

#include <memory>

namespace grpc {
class Service;
}  // namespace grpc

namespace recsae {
class JobRunner;
class Peer;
}  // namespace recsae

namespace recsae::trainer {

// `jobs` must outlive the service and have the kinds "train-sae" and "train-saes" registered.
std::unique_ptr<grpc::Service> MakeTrainerService(JobRunner& jobs, std::shared_ptr<Peer> probe,
                                                  std::shared_ptr<Peer> store);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_TRAINER_SERVICE_H_
