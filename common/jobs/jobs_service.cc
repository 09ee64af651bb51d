#include "common/jobs/jobs_service.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/jobs/job_runner.h"
#include "common/jobs/job_store.h"
#include "common/rpc/grpc_status.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"

namespace recsae {
namespace {

using google::protobuf::Empty;
using jobs::v1::CancelJobRequest;
using jobs::v1::DeleteJobRequest;
using jobs::v1::GetJobRequest;
using jobs::v1::Job;
using jobs::v1::ListJobsRequest;
using jobs::v1::ListJobsResponse;
using jobs::v1::WatchJobRequest;

// How soon a stream notices that its caller has gone.
constexpr absl::Duration kCancelCheck = absl::Milliseconds(50);

template <typename T>
grpc::Status Reply(absl::StatusOr<T> result, T* response) {
  if (!result.ok()) return ToGrpc(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

class JobsService final : public jobs::v1::Jobs::Service {
 public:
  explicit JobsService(JobRunner& runner) : runner_(runner) {}

  grpc::Status GetJob(grpc::ServerContext* /*context*/, const GetJobRequest* request,
                      Job* response) override {
    return Reply(runner_.Get(request->name()), response);
  }

  grpc::Status ListJobs(grpc::ServerContext* /*context*/, const ListJobsRequest* request,
                        ListJobsResponse* response) override {
    return Reply(runner_.List(*request), response);
  }

  grpc::Status WatchJob(grpc::ServerContext* context, const WatchJobRequest* request,
                        grpc::ServerWriter<Job>* writer) override {
    uint64_t seen = 0;
    Job job;
    while (!context->IsCancelled()) {
      const auto revision = runner_.Watch(request->name(), seen, kCancelCheck, &job);
      if (!revision.ok()) return ToGrpc(revision.status());
      if (*revision == seen) continue;
      seen = *revision;
      if (!writer->Write(job)) break;
      if (IsFinal(job.state())) return grpc::Status::OK;
    }
    return ToGrpc(absl::CancelledError("the caller has gone"));
  }

  grpc::Status CancelJob(grpc::ServerContext* /*context*/, const CancelJobRequest* request,
                         Job* response) override {
    return Reply(runner_.Cancel(request->name()), response);
  }

  grpc::Status DeleteJob(grpc::ServerContext* /*context*/, const DeleteJobRequest* request,
                         Empty* /*response*/) override {
    return ToGrpc(runner_.Delete(request->name()));
  }

 private:
  JobRunner& runner_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeJobsService(JobRunner& runner) {
  return std::make_unique<JobsService>(runner);
}

}  // namespace recsae
