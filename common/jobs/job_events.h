// What is told of jobs to whoever runs the server: log lines, metrics and spans. Internal to
// common/jobs.
#ifndef RECSAE_COMMON_JOBS_JOB_EVENTS_H_
#define RECSAE_COMMON_JOBS_JOB_EVENTS_H_

#include <optional>
#include <string>

#include "common/base/trace.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae {

class MetricsRegistry;
struct JobRecord;

// The trace that what a job does is part of: that of the call that submitted it, with a span of the
// job's own where spans are exported. The span is the same after a restart.
std::optional<TraceContext> TraceOf(const jobs::v1::Job& job);

// Thread-safe. Does not throw but for want of memory.
class JobEvents {
 public:
  // `metrics`: null = none are kept.
  explicit JobEvents(MetricsRegistry* metrics) : metrics_(metrics) {}

  // recsae_jobs_finished_total, recsae_jobs_resumed_total and recsae_jobs_crashed_total of the kind
  // are there from here on, at 0: an alert must see the first failure as a change.
  void Registered(const std::string& kind) const;
  // The process ended during the job, unasked if it `crashed`, and it is taken up again unless that
  // was once too often.
  void Recovered(const jobs::v1::Job& job, bool resumed, bool crashed) const;
  // It is being worked on.
  void Started(const jobs::v1::Job& job) const;
  // The process stops; it goes on with the next.
  void Paused(const jobs::v1::Job& job) const;
  // It has reached a final state.
  void Ended(const jobs::v1::Job& job) const;

 private:
  MetricsRegistry* const metrics_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_JOBS_JOB_EVENTS_H_
