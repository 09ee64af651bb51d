#include "clients/cli/jobs/stage.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "clients/cli/jobs/follow.h"
#include "clients/cli/jobs/job_display.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"

namespace recsae::cli {
namespace {

using jobs::v1::Job;
using jobs::v1::Jobs;

constexpr int kMostAttempts = 1000;
constexpr int kKnownJobs = 1000;

// Jobs that were there before this run; what is not among them is new.
absl::StatusOr<std::set<std::string>> KnownJobs(Session& session, const Stage& stage) {
  jobs::v1::ListJobsRequest request;
  request.set_kind(stage.kind);
  RECSAE_ASSIGN_OR_RETURN(const auto all,
                          session.List(*stage.jobs, &Jobs::Stub::ListJobs, request,
                                       &jobs::v1::ListJobsResponse::jobs_size, kKnownJobs));
  std::set<std::string> names;
  for (const Job& job : all.jobs()) names.insert(job.name());
  return names;
}

}  // namespace

absl::StatusOr<Job> RunStage(Session& session, const Stage& stage, bool detach) {
  RECSAE_ASSIGN_OR_RETURN(const std::set<std::string> known, KnownJobs(session, stage));
  for (int attempt = 1; attempt <= kMostAttempts; ++attempt) {
    RECSAE_ASSIGN_OR_RETURN(const Job started, stage.start(stage.request_id(attempt)));
    const bool is_new = known.count(started.name()) == 0;
    jobs::v1::GetJobRequest request;
    request.set_name(started.name());
    // The answer to a repeated request may be a job whose record was deleted since.
    const auto found = session.Call(*stage.jobs, &Jobs::Stub::GetJob, request);
    if (absl::IsNotFound(found.status())) continue;
    if (!found.ok()) return found.status();
    const Job& job = *found;
    if (is_new) return FollowJob(session, *stage.jobs, job, stage.title, detach);
    if (job.state() == Job::STATE_PENDING || job.state() == Job::STATE_RUNNING) {
      session.console().Say(absl::StrCat(stage.title, ": going on with ", job.name()));
      return FollowJob(session, *stage.jobs, job, stage.title, detach);
    }
    if (job.state() == Job::STATE_SUCCEEDED && stage.usable(job)) {
      session.console().Say(absl::StrCat("✓ ", PadRight(stage.title, 24), "  done before, in ",
                                         FormatDuration(JobSeconds(job))));
      return job;
    }
  }
  return Error(absl::StatusCode::kFailedPrecondition, "TOO_MANY_ATTEMPTS",
               absl::StrCat(stage.title, " did not succeed in ", kMostAttempts,
                            " runs; choose another --name"));
}

}  // namespace recsae::cli
