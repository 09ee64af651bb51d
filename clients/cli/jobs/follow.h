// Waiting for a job: follows it to its end over broken connections, and answers Ctrl-C.
#ifndef RECSAE_CLIENTS_CLI_JOBS_FOLLOW_H_
#define RECSAE_CLIENTS_CLI_JOBS_FOLLOW_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/session/session.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae::cli {

// How a command that starts a job goes on.
struct JobFlags {
  // Return once the job is accepted.
  bool no_wait = false;
  // Ctrl-C leaves the job running instead of cancelling it.
  bool detach = false;
};

// Follows `job` until it is finished, showing its progress under `title`. Returns the job if it
// succeeded, its error if it failed, CANCELLED (JOB_CANCELLED) if it was cancelled, and CANCELLED
// (DETACHED) if Ctrl-C ended only the watching. A connection that breaks is made again for up to a
// minute.
absl::StatusOr<jobs::v1::Job> FollowJob(Session& session, PeerStub<jobs::v1::Jobs>& jobs,
                                        const jobs::v1::Job& job, const std::string& title,
                                        bool detach);

// The result of a job that succeeded. INTERNAL (RESULT_UNEXPECTED) if it is of another type.
template <typename Result>
absl::StatusOr<Result> UnpackResult(const jobs::v1::Job& job);

absl::Status UnexpectedResult(const jobs::v1::Job& job);

template <typename Result>
absl::StatusOr<Result> UnpackResult(const jobs::v1::Job& job) {
  Result result;
  if (!job.result().UnpackTo(&result)) return UnexpectedResult(job);
  return result;
}

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_JOBS_FOLLOW_H_
