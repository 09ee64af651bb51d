// The RPC service recsae.jobs.v1.Jobs over a JobRunner.
#ifndef RECSAE_COMMON_JOBS_JOBS_SERVICE_H_
#define RECSAE_COMMON_JOBS_JOBS_SERVICE_H_

#include <memory>

namespace grpc {
class Service;
}  // namespace grpc

namespace recsae {

class JobRunner;

// `runner` must outlive the service.
std::unique_ptr<grpc::Service> MakeJobsService(JobRunner& runner);

}  // namespace recsae

#endif  // RECSAE_COMMON_JOBS_JOBS_SERVICE_H_
