// The RPC service recsae.jobs.v1.Jobs over a JobRunner.
#ifndef RECSAE_COMMON_JOBS_JOBS_SERVICE_H_
#define RECSAE_COMMON_JOBS_JOBS_SERVICE_H_

#include <memory>

namespace grpc {
class Service;
}  // namespace grpc

namespace recsae {

class JobRunner;

// WatchJob calls at once; one more is RESOURCE_EXHAUSTED (TOO_MANY_WATCHES).
inline constexpr int kMaxJobWatches = 1000;

// The one service over `runner`, which must outlive it. Destroy it after the server that serves it
// has shut down.
std::unique_ptr<grpc::Service> MakeJobsService(JobRunner& runner, int max_watches = kMaxJobWatches);

}  // namespace recsae

#endif  // RECSAE_COMMON_JOBS_JOBS_SERVICE_H_
