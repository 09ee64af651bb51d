#include "services/trainer/run/train_job.h"

#include <google/protobuf/any.pb.h>

#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "recsae/trainer/v1/trainer.pb.h"
#include "services/trainer/run/estimate.h"
#include "services/trainer/run/train_request.h"
#include "services/trainer/run/train_run.h"

namespace recsae::trainer {
namespace {

using concept_store::v1::Sae;
using google::protobuf::Any;

absl::Status OutOfMemory(const JobContext& job) {
  return Error(absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY",
               absl::StrCat(job.name(), ": the memory for training is not to be had; lower ",
                            kLowerTraining, ", or run fewer jobs"));
}

absl::StatusOr<std::vector<Sae>> Run(const TrainJobEnvironment& environment, JobContext& job,
                                     const TrainRequest& request) {
  absl::StatusOr<std::vector<Sae>> saes = OutOfMemory(job);
  try {
    saes = TrainRun(environment, job, request).Run();
  } catch (const std::bad_alloc&) {     // of this thread or of any that worked for it
  } catch (const std::length_error&) {  // more than any vector holds
  }
  // Whatever an interruption made fail, the interruption is what happened.
  if (!saes.ok()) RECSAE_RETURN_IF_ERROR(job.Interrupted());
  return saes;
}

}  // namespace

absl::StatusOr<Any> RunTrainJob(const TrainJobEnvironment& environment, JobContext& job) {
  Any result;
  v1::TrainSaeRequest one;
  if (job.spec().UnpackTo(&one)) {
    RECSAE_ASSIGN_OR_RETURN(std::vector<Sae> saes, Run(environment, job, TrainRequest(one)));
    v1::TrainSaeResult message;
    *message.mutable_sae() = std::move(saes[0]);
    result.PackFrom(message);
    return result;
  }
  v1::TrainSaesRequest several;
  if (job.spec().UnpackTo(&several)) {
    RECSAE_ASSIGN_OR_RETURN(std::vector<Sae> saes, Run(environment, job, TrainRequest(several)));
    v1::TrainSaesResult message;
    for (Sae& sae : saes) *message.add_saes() = std::move(sae);
    result.PackFrom(message);
    return result;
  }
  return Error(absl::StatusCode::kInternal, "JOB_SPEC_UNKNOWN",
               absl::StrCat(job.name(), " was not started by TrainSae or TrainSaes"));
}

absl::Status CaptureEmpty(absl::string_view capture) {
  return Error(absl::StatusCode::kFailedPrecondition, "CAPTURE_EMPTY",
               absl::StrCat(capture, " has no rows; record activations into it first"),
               {{"capture", std::string(capture)}});
}

}  // namespace recsae::trainer
