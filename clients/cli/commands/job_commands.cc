// recsae jobs: long-running work, on whichever server it runs.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/jobs/follow.h"
#include "clients/cli/jobs/job_display.h"
#include "clients/cli/render/render.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"

namespace recsae::cli {
namespace {

using jobs::v1::Job;
using jobs::v1::Jobs;

struct ListFlags {
  std::string kind;
  std::string state;
  int limit = 50;
};

struct NameFlags {
  std::string job;
};

// A job and the process that has it.
struct Found {
  PeerStub<Jobs>* jobs;
  Job job;
};

absl::StatusOr<Found> Find(Session& session, const std::string& job) {
  jobs::v1::GetJobRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), FullName(job, kJobPattern));
  absl::Status not_found;
  for (PeerStub<Jobs>* jobs : session.all_jobs()) {
    auto found = session.Call(*jobs, &Jobs::Stub::GetJob, request);
    if (found.ok()) return Found{jobs, *std::move(found)};
    if (!absl::IsNotFound(found.status())) return found.status();
    not_found = found.status();
  }
  return not_found;
}

absl::Status Show(Session& session, const Job& job) {
  if (session.json()) return session.PrintJson(job);
  session.console().Print(JobDetails(job));
  return absl::OkStatus();
}

absl::StatusOr<jobs::v1::ListJobsResponse> ListAll(Session& session, const ListFlags& flags) {
  jobs::v1::ListJobsRequest request;
  request.set_kind(flags.kind);
  Job::State state = Job::STATE_UNSPECIFIED;
  Job::State_Parse(absl::StrCat("STATE_", absl::AsciiStrToUpper(flags.state)), &state);
  request.set_state(state);
  jobs::v1::ListJobsResponse all;
  for (PeerStub<Jobs>* jobs : session.all_jobs()) {
    RECSAE_ASSIGN_OR_RETURN(const auto some,
                            session.List(*jobs, &Jobs::Stub::ListJobs, request,
                                         &jobs::v1::ListJobsResponse::jobs_size, flags.limit));
    all.MergeFrom(some);
  }
  const auto created = [](const Job& job) {
    return std::make_pair(job.create_time().seconds(), job.create_time().nanos());
  };
  std::stable_sort(all.mutable_jobs()->begin(), all.mutable_jobs()->end(),
                   [&](const Job& a, const Job& b) { return created(a) > created(b); });
  if (flags.limit > 0 && all.jobs_size() > flags.limit) {
    all.mutable_jobs()->DeleteSubrange(flags.limit, all.jobs_size() - flags.limit);
  }
  return all;
}

absl::Status List(Session& session, const ListFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(auto all, ListAll(session, flags));
  if (session.json()) {
    // Tokens of several servers do not make one.
    all.clear_next_page_token();
    return session.PrintJson(all);
  }
  Table table({{"JOB"},
               {"KIND"},
               {"STATE"},
               {"DONE", true},
               {"RAN", true},
               {"CREATED"},
               {"TARGET", false, true}});
  for (const Job& job : all.jobs()) {
    const double total = static_cast<double>(job.progress().total());
    table.Add(
        {ShortName(job.name()),
         job.kind(),
         {StateName(job.state()), StateColor(job.state())},
         total > 0 ? FormatPercent(static_cast<double>(job.progress().done()) / total, 0) : "",
         job.has_start_time() ? FormatDuration(JobSeconds(job)) : "",
         FormatTime(job.create_time()),
         ShortName(job.target())});
  }
  session.console().Print(table);
  return absl::OkStatus();
}

absl::Status Get(Session& session, const NameFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const Found found, Find(session, flags.job));
  return Show(session, found.job);
}

absl::Status Watch(Session& session, const NameFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const Found found, Find(session, flags.job));
  RECSAE_ASSIGN_OR_RETURN(const Job done,
                          FollowJob(session, *found.jobs, found.job, found.job.kind(), true));
  return Show(session, done);
}

absl::Status Cancel(Session& session, const NameFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const Found found, Find(session, flags.job));
  jobs::v1::CancelJobRequest request;
  request.set_name(found.job.name());
  RECSAE_ASSIGN_OR_RETURN(const auto job,
                          session.Call(*found.jobs, &Jobs::Stub::CancelJob, request));
  return Show(session, job);
}

absl::Status Delete(Session& session, const NameFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const Found found, Find(session, flags.job));
  jobs::v1::DeleteJobRequest request;
  request.set_name(found.job.name());
  RECSAE_ASSIGN_OR_RETURN(const auto empty,
                          session.Call(*found.jobs, &Jobs::Stub::DeleteJob, request));
  if (session.json()) return session.PrintJson(empty);
  session.console().Say("deleted " + request.name());
  return absl::OkStatus();
}

}  // namespace

void AddJobCommands(CommandLine& line) {
  Command group = line.AddGroup("jobs", "Long-running work",
                                "  recsae jobs list --state running\n"
                                "  recsae jobs watch JOB");
  line.Add<ListFlags>(
      group, "list", "List jobs, newest first",
      "  recsae jobs list --kind train-sae --state failed",
      [](Command& command, ListFlags& flags) {
        command.Add("--kind", flags.kind,
                    "Only train-recommender, capture-activations, train-sae, train-saes, "
                    "build-concepts or evaluate-sae");
        command.Add("--state", flags.state, "Only jobs in this state")
            .Must(Check::OneOf({"pending", "running", "succeeded", "failed", "cancelled"}));
        command.Add("--limit", flags.limit, "At most so many; 0 = all [default: 50]")
            .Must(Check::NonNegative());
      },
      List);
  const auto one = [&](const char* name, const char* summary,
                       absl::Status (*run)(Session&, const NameFlags&)) {
    line.Add<NameFlags>(
        group, name, summary, absl::StrCat("  recsae jobs ", name, " JOB"),
        [](Command& command, NameFlags& flags) {
          command.Add("JOB", flags.job, "Name, as recsae jobs list shows it").Required();
        },
        run);
  };
  one("get", "Show a job", Get);
  one("watch", "Follow a job to its end; Ctrl-C stops only the watching", Watch);
  one("cancel", "Ask a job to stop", Cancel);
  one("delete", "Remove the record of a finished job; what it made stays", Delete);
}

}  // namespace recsae::cli
