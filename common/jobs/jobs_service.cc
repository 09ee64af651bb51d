#include "common/jobs/jobs_service.h"

#include <grpcpp/server_context.h>

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/access/access_control.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/jobs/job_watches.h"
#include "common/rpc/guard.h"
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

// Watches are served by callbacks, so that they take no thread each; the rest by blocking handlers.
class JobsService final
    : public jobs::v1::Jobs::WithCallbackMethod_WatchJob<jobs::v1::Jobs::Service> {
 public:
  JobsService(JobRunner& runner, int max_watches)
      : runner_(runner), watches_(runner, max_watches) {}

  grpc::Status GetJob(grpc::ServerContext* context, const GetJobRequest* request,
                      Job* response) override {
    return Guard(context, [&]() -> absl::Status {
      RECSAE_ASSIGN_OR_RETURN(*response, runner_.Get(request->name()));
      return absl::OkStatus();
    });
  }

  grpc::Status ListJobs(grpc::ServerContext* context, const ListJobsRequest* request,
                        ListJobsResponse* response) override {
    return Guard(context, [&]() -> absl::Status {
      RECSAE_ASSIGN_OR_RETURN(*response, runner_.List(*request));
      return absl::OkStatus();
    });
  }

  grpc::ServerWriteReactor<Job>* WatchJob(grpc::CallbackServerContext* context,
                                          const WatchJobRequest* request) override {
    return watches_.Watch(context, *request);
  }

  grpc::Status CancelJob(grpc::ServerContext* context, const CancelJobRequest* request,
                         Job* response) override {
    return Guard(context, [&]() -> absl::Status {
      RECSAE_RETURN_IF_ERROR(CheckMayCancel(*context, request->name()));
      RECSAE_ASSIGN_OR_RETURN(*response, runner_.Cancel(request->name()));
      return absl::OkStatus();
    });
  }

  grpc::Status DeleteJob(grpc::ServerContext* context, const DeleteJobRequest* request,
                         Empty* /*response*/) override {
    return Guard(context, [&] { return runner_.Delete(request->name()); });
  }

 private:
  // Writers end what they began, admins everything.
  absl::Status CheckMayCancel(const grpc::ServerContext& context, const std::string& name) const {
    const std::optional<Identity> caller = CallerOf(context);
    if (!caller.has_value() || caller->role >= Role::kAdmin) return absl::OkStatus();
    RECSAE_ASSIGN_OR_RETURN(const Job job, runner_.Get(name));
    if (job.creator() == caller->name) return absl::OkStatus();
    return Error(
        absl::StatusCode::kPermissionDenied, "JOB_OF_ANOTHER",
        absl::StrCat(name, " was started by ",
                     job.creator().empty() ? "somebody unnamed" : job.creator(), "; ", caller->name,
                     ", a writer, may cancel its own jobs only: ask an "
                     "admin"),
        {{"job", name}, {"creator", job.creator()}});
  }

  JobRunner& runner_;
  JobWatches watches_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeJobsService(JobRunner& runner, int max_watches) {
  return std::make_unique<JobsService>(runner, max_watches);
}

}  // namespace recsae
