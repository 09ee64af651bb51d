// One stage of the pipeline: a job that is started, taken up again, or known to be done.
#ifndef RECSAE_CLIENTS_CLI_JOBS_STAGE_H_
#define RECSAE_CLIENTS_CLI_JOBS_STAGE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/session/session.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae::cli {

struct Stage {
  // "training the SAE".
  std::string title;
  // Kind of its jobs.
  std::string kind;
  PeerStub<jobs::v1::Jobs>* jobs = nullptr;
  // The id of an attempt, the same in every run.
  std::function<std::string(int attempt)> request_id;
  // Starts the job, or returns the first one of that request_id.
  std::function<absl::StatusOr<jobs::v1::Job>(const std::string& request_id)> start;
  // Whether what a finished job of an earlier run made is still there.
  std::function<bool(const jobs::v1::Job&)> usable;
};

// Follows the stage's job to its end and returns it. A job of an earlier run is used if it is still
// running or if what it made is there; one that failed, was cancelled, or whose product is gone is
// followed by another attempt.
absl::StatusOr<jobs::v1::Job> RunStage(Session& session, const Stage& stage, bool detach);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_JOBS_STAGE_H_
