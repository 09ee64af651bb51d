#include "clients/cli/jobs/follow.h"

#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/jobs/job_display.h"
#include "clients/cli/session/interrupt.h"
#include "clients/cli/text/errors.h"
#include "common/base/status.h"
#include "common/rpc/grpc_status.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"

namespace recsae::cli {
namespace {

using jobs::v1::Job;

constexpr absl::Duration kReconnectFor = absl::Minutes(1);
constexpr absl::Duration kReconnectEvery = absl::Seconds(1);

double Now() { return absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()); }

// The open stream, so that Ctrl-C can end it from another thread. Thread-safe.
class OpenStream {
 public:
  // Null = none.
  void Set(grpc::ClientContext* context) {
    std::lock_guard<std::mutex> lock(mutex_);
    context_ = context;
    if (stopped_ && context_ != nullptr) context_->TryCancel();
  }
  void Stop() {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  bool stopped() {
    std::lock_guard<std::mutex> lock(mutex_);
    return stopped_;
  }

 private:
  std::mutex mutex_;
  grpc::ClientContext* context_ = nullptr;
  bool stopped_ = false;
};

// One WatchJob call: the last state seen goes to `job`, the time until which the server was there
// to `last_seen`.
absl::Status WatchOnce(PeerStub<jobs::v1::Jobs>& jobs, OpenStream& stream, JobDisplay& display,
                       Job& job, absl::Time& last_seen) {
  grpc::ClientContext context;
  stream.Set(&context);
  jobs::v1::WatchJobRequest request;
  request.set_name(job.name());
  const auto reader = jobs->WatchJob(&context, request);
  bool connected = false;
  for (Job state; reader->Read(&state);) {
    connected = true;
    job = state;
    display.Update(job, Now());
  }
  if (connected) last_seen = absl::Now();
  const grpc::Status status = reader->Finish();
  stream.Set(nullptr);
  return jobs.peer().FromGrpc(status);
}

absl::Status Outcome(const Job& job) {
  if (job.state() == Job::STATE_SUCCEEDED) return absl::OkStatus();
  if (job.state() == Job::STATE_FAILED) {
    return Annotate(FromRpcStatus(job.error()), absl::StrCat(job.name(), " failed"));
  }
  return Error(absl::StatusCode::kCancelled, "JOB_CANCELLED",
               absl::StrCat(job.name(), " was cancelled; nothing of it was published"));
}

absl::Status Detached(Session& session, const Job& job) {
  const std::string message =
      absl::StrCat(job.name(), " goes on; follow it with: recsae jobs watch ", job.name());
  session.console().Say(message);
  return Error(absl::StatusCode::kCancelled, "DETACHED", message);
}

}  // namespace

absl::StatusOr<Job> FollowJob(Session& session, PeerStub<jobs::v1::Jobs>& jobs, const Job& started,
                              const std::string& title, bool detach) {
  Job job = started;
  JobDisplay display(session.console(), title);
  OpenStream stream;
  const InterruptHandler on_interrupt([&, name = started.name()] {
    if (detach) return stream.Stop();
    session.console().Say("cancelling (Ctrl-C after a second leaves at once) ...");
    jobs::v1::CancelJobRequest request;
    request.set_name(name);
    const auto cancelled = session.Call(jobs, &jobs::v1::Jobs::Stub::CancelJob, request);
    if (!cancelled.ok()) {
      session.console().Fail("recsae: " + DescribeError(cancelled.status()));
      stream.Stop();
    }
  });
  absl::Time last_seen = absl::Now();
  bool told = false;
  while (!Finished(job)) {
    const absl::Time seen_before = last_seen;
    const absl::Status status = WatchOnce(jobs, stream, display, job, last_seen);
    if (Finished(job)) break;
    if (stream.stopped()) return Detached(session, job);
    // Nobody here cancelled the call: a server that stops does that to those it is in.
    const bool lost = absl::IsUnavailable(status) || absl::IsCancelled(status);
    if (!lost || absl::Now() - last_seen > kReconnectFor) {
      if (!status.ok()) return status;
      return Error(absl::StatusCode::kInternal, "WATCH_ENDED",
                   absl::StrCat("the watch of ", job.name(), " ended before the job did"));
    }
    if (last_seen != seen_before) told = false;
    if (!std::exchange(told, true)) session.console().Say("lost the server, trying again ...");
    absl::SleepFor(kReconnectEvery);
  }
  session.console().ClearProgress();
  display.Finish(job);
  if (absl::Status outcome = Outcome(job); !outcome.ok()) return outcome;
  return job;
}

absl::Status UnexpectedResult(const Job& job) {
  return Error(absl::StatusCode::kInternal, "RESULT_UNEXPECTED",
               absl::StrCat("the result of ", job.name(), " is a '", job.result().type_url(),
                            "'; is the server newer than this client?"));
}

}  // namespace recsae::cli
