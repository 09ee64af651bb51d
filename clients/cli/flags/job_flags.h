// Flags and steps shared by every command that starts a job.
#ifndef RECSAE_CLIENTS_CLI_FLAGS_JOB_FLAGS_H_
#define RECSAE_CLIENTS_CLI_FLAGS_JOB_FLAGS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/flags/command.h"
#include "clients/cli/jobs/follow.h"
#include "clients/cli/session/session.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae::cli {

// --no-wait and --detach.
void AddJobFlags(Command& command, JobFlags& flags);

// --request-id.
void AddRequestId(Command& command, std::string& request_id);

// Prints the accepted job (--no-wait), or follows it and gives its result to `print`.
template <typename Result, typename Print>
absl::Status FinishJob(Session& session, PeerStub<jobs::v1::Jobs>& jobs,
                       const absl::StatusOr<jobs::v1::Job>& job, const std::string& title,
                       const JobFlags& flags, Print print) {
  if (!job.ok()) return job.status();
  if (flags.no_wait) {
    if (session.json()) return session.PrintJson(*job);
    session.console().Print(job->name() + "\n");
    return absl::OkStatus();
  }
  const auto done = FollowJob(session, jobs, *job, title, flags.detach);
  if (!done.ok()) return done.status();
  const absl::StatusOr<Result> result = UnpackResult<Result>(*done);
  if (!result.ok()) return result.status();
  if (session.json()) return session.PrintJson(*result);
  return print(*result);
}

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FLAGS_JOB_FLAGS_H_
