#include "common/jobs/job_events.h"

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/log.h"
#include "common/rpc/metrics.h"
#include "common/rpc/spans.h"

namespace recsae {
namespace {

using google::protobuf::Timestamp;
using jobs::v1::Job;

// A minute, a quarter of an hour, an hour, four: what people plan by.
const std::vector<double>& JobBuckets() {
  static const auto* const buckets = new std::vector<double>{1, 5, 15, 60, 300, 900, 3600, 14400};
  return *buckets;
}

std::string StateName(Job::State state) {
  return std::string(absl::StripPrefix(Job::State_Name(state), "STATE_"));
}

// As recsae_jobs has them.
std::string StateLabel(Job::State state) { return absl::AsciiStrToLower(StateName(state)); }

constexpr char kFinishedHelp[] = "Jobs that ended, by kind and how.";
constexpr char kResumedHelp[] = "Jobs that were taken up again after a restart.";
constexpr char kCrashedHelp[] =
    "Jobs during which the process ended unasked, probably for want of memory; the third time in a "
    "row they fail (JOB_CRASHED).";
constexpr char kSecondsHelp[] = "Time from the first start of a job to its end, in seconds.";

absl::Time TimeOf(const Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

double SecondsBetween(const Timestamp& from, const Timestamp& to) {
  return absl::ToDoubleSeconds(TimeOf(to) - TimeOf(from));
}

// Until it first ran; where it never did, until its end.
double QueueSeconds(const Job& job) {
  if (job.has_start_time()) return SecondsBetween(job.create_time(), job.start_time());
  return job.has_end_time() ? SecondsBetween(job.create_time(), job.end_time()) : 0;
}

// From its first start to its end, 0 if it never ran.
double RunSeconds(const Job& job) {
  return job.has_start_time() ? SecondsBetween(job.start_time(), job.end_time()) : 0;
}

absl::Status ErrorOf(const Job& job) {
  return job.has_error() ? FromRpcStatus(job.error()) : absl::OkStatus();
}

void LogEnd(const Job& job) {
  const absl::Status error = ErrorOf(job);
  Log(error.ok() ? Severity::kInfo : Severity::kWarning, "job ended",
      {{"job", job.name()},
       {"kind", job.kind()},
       {"target", job.target()},
       {"state", StateName(job.state())},
       {"seconds", RunSeconds(job)},
       {"queue_seconds", QueueSeconds(job)},
       {"resumes", job.resume_count()},
       {"code", absl::StatusCodeToString(error.code())},
       {"reason", Reason(error)},
       {"error", error}});
}

// Of a job that a call of a trace submitted.
void EmitSpan(const Job& job) {
  const std::optional<TraceContext> trace = TraceOf(job);
  if (!IsExported(trace)) return;
  Span span;
  span.context = *trace;
  span.parent_id = ParseTraceParent(job.trace_parent())->span_id;
  span.name = job.kind();
  span.start = TimeOf(job.has_start_time() ? job.start_time() : job.create_time());
  span.end = TimeOf(job.end_time());
  span.failed = job.state() == Job::STATE_FAILED;
  span.error = Reason(ErrorOf(job));
  span.attributes = {{"recsae.job.name", job.name()},
                     {"recsae.job.target", job.target()},
                     {"recsae.job.state", StateName(job.state())}};
  span.numbers = {{"recsae.job.resumes", job.resume_count()}};
  if (SpanReceiver* const receiver = CurrentSpanReceiver()) receiver->Take(std::move(span));
}

}  // namespace

std::optional<TraceContext> TraceOf(const Job& job) {
  std::optional<TraceContext> trace = ParseTraceParent(job.trace_parent());
  if (!IsExported(trace)) return trace;
  // Names of jobs are never given twice.
  const uint64_t id = std::hash<std::string>()(job.name());
  trace->span_id = id == 0 ? 1 : id;
  return trace;
}

void JobEvents::Registered(const std::string& kind) const {
  if (metrics_ == nullptr) return;
  for (const Job::State state : {Job::STATE_SUCCEEDED, Job::STATE_FAILED, Job::STATE_CANCELLED}) {
    metrics_->GetCounter("recsae_jobs_finished_total", kFinishedHelp,
                         {{"kind", kind}, {"state", StateLabel(state)}});
  }
  metrics_->GetCounter("recsae_jobs_resumed_total", kResumedHelp, {{"kind", kind}});
  metrics_->GetCounter("recsae_jobs_crashed_total", kCrashedHelp, {{"kind", kind}});
}

void JobEvents::Recovered(const Job& job, bool resumed, bool crashed) const {
  if (metrics_ == nullptr) return;
  const Labels kind = {{"kind", job.kind()}};
  if (resumed) metrics_->GetCounter("recsae_jobs_resumed_total", kResumedHelp, kind).Increment();
  if (crashed) metrics_->GetCounter("recsae_jobs_crashed_total", kCrashedHelp, kind).Increment();
}

void JobEvents::Started(const Job& job) const {
  const TraceScope trace(TraceOf(job));
  Log(Severity::kInfo, "job started",
      {{"job", job.name()},
       {"kind", job.kind()},
       {"target", job.target()},
       {"queue_seconds", QueueSeconds(job)},
       {"resumes", job.resume_count()}});
}

void JobEvents::Paused(const Job& job) const {
  const TraceScope trace(TraceOf(job));
  Log(Severity::kInfo, "job paused",
      {{"job", job.name()}, {"kind", job.kind()}, {"target", job.target()}});
}

void JobEvents::Ended(const Job& job) const {
  const TraceScope trace(TraceOf(job));
  LogEnd(job);
  EmitSpan(job);
  if (metrics_ == nullptr) return;
  const Labels labels = {{"kind", job.kind()}, {"state", StateLabel(job.state())}};
  metrics_->GetCounter("recsae_jobs_finished_total", kFinishedHelp, labels).Increment();
  // One that never ran has no duration.
  if (!job.has_start_time()) return;
  metrics_->GetHistogram("recsae_job_seconds", kSecondsHelp, JobBuckets(), labels)
      .Observe(RunSeconds(job));
}

}  // namespace recsae
