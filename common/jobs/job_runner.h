// Runs the jobs of a process: a persistent queue, worker threads, progress, cancel and resume.
#ifndef RECSAE_COMMON_JOBS_JOB_RUNNER_H_
#define RECSAE_COMMON_JOBS_JOB_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/storage/environment.h"

namespace google::protobuf {
class Any;
}  // namespace google::protobuf

namespace recsae::jobs::v1 {
class Job;
class ListJobsRequest;
class ListJobsResponse;
}  // namespace recsae::jobs::v1

namespace recsae {

class JobContext;
class MetricsRegistry;

// Does the work of one job and returns the result. Runs on a worker thread; may be started again
// after a restart of the process, then LoadCheckpoint tells how far it was. Must return soon after
// context.Interrupted() is no longer OK. An error fails the job; so does an exception (INTERNAL).
// What was finished although a cancel came in between is reported as succeeded: return OK only if
// the work was published. What a handler publishes must be the same when it runs again: the process
// may end after that and before the job's end is stored. The job's name is no other job's, here or
// on another server, so that request_ids made of it are its own.
using JobHandler = std::function<absl::StatusOr<google::protobuf::Any>(JobContext&)>;

// Says whether a new job can do its work; may put the spec with every default filled in into
// `resolved`, to be stored as Job.resolved_spec.
using JobCheck = std::function<absl::Status(google::protobuf::Any& resolved)>;

// Hears that Watch has something new to tell of `job` (empty: of any), `delay` from now. Called
// with locks held: it must not call the runner.
using JobListener = std::function<void(absl::string_view job, absl::Duration delay)>;

struct JobRunnerOptions {
  // Owner of the directory, for example "trainer"; see DatabaseOptions::service.
  std::string service;
  Environment environment = {};
  // Jobs that run at once.
  int workers = 1;
  // Least time between two revisions of a job that watchers see, and between two writes of its
  // progress to disk. Changes of state are seen and stored at once.
  absl::Duration publish_interval = absl::Milliseconds(100);
  absl::Duration persist_interval = absl::Seconds(2);
  // A job is tried so often again after the process ended during it without a checkpoint in
  // between; then it fails (reason JOB_CRASHED).
  int max_crashes = 2;
  // Wait before a change of state that could not be stored is tried again; it doubles, up to a
  // minute.
  absl::Duration store_retry = absl::Seconds(1);
  // Jobs that have not ended, and bytes of a spec.
  int max_unfinished = 1000;
  size_t max_spec_bytes = size_t{64} << 10;
  // Ended jobs that are kept, the last ones, and for how long after their end. Beyond that they are
  // forgotten, at Start and whenever a job ends. (Longer than RequestLog remembers a request, whose
  // answer names the job.)
  int keep_ended = 1000;
  absl::Duration keep_ended_for = absl::Hours(24 * 30);
  // Where jobs that end are counted (recsae_jobs_finished_total, recsae_job_seconds and others);
  // null = nowhere. Outlives the runner.
  MetricsRegistry* metrics = nullptr;
};

// Jobs of one kind that have not ended.
struct UnfinishedJobs {
  int64_t pending = 0;
  int64_t running = 0;
  // How long the one that has waited longest has.
  absl::Duration oldest_pending = absl::ZeroDuration();
};

// Thread-safe. One for each process, shared by all services in it. Lifecycle: Open, Register...,
// Start, Stop.
class JobRunner {
 public:
  // Opens the records in `directory` (usually <data>/jobs); errors as Database::Open.
  static absl::StatusOr<std::unique_ptr<JobRunner>> Open(const std::string& directory,
                                                         const JobRunnerOptions& options);
  // Stops first if that was not done, and waits for running handlers without a limit.
  ~JobRunner();
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // Before Start; once for each kind.
  void Register(absl::string_view kind, JobHandler handler);

  // Queues what was pending, queues what was running again (resumes + 1), starts the workers. A
  // stored job of a kind that is not registered fails (reason JOB_KIND_UNKNOWN).
  absl::Status Start();

  // Takes no more jobs, asks the running ones to pause (JobContext::stopping) and waits for them
  // until `timeout` has passed. They stay RUNNING in the store and go on at the next Start; so does
  // one whose end cannot be stored. Ends every Watch. DEADLINE_EXCEEDED if a handler has not
  // returned.
  absl::Status Stop(absl::Duration timeout);

  // Stores a job (durable on return) and queues it. `targets` are what it makes or works on; no two
  // unfinished jobs have one in common. The same request_id with the same spec returns the first
  // response again.
  //   ALREADY_EXISTS       JOB_ACTIVE          another job of a target is not finished (both named)
  //   INVALID_ARGUMENT     JOB_SPEC_TOO_LARGE; INVALID_REQUEST: fields that are not known
  //   INVALID_ARGUMENT     REQUEST_ID_REUSED   see RequestLog::Begin
  //   RESOURCE_EXHAUSTED   JOB_QUEUE_FULL      too many jobs are unfinished
  //   INTERNAL             JOB_KIND_UNKNOWN    not registered
  //   UNAVAILABLE          SERVER_DRAINING     after Stop
  // An error of `check`, where given, is returned and nothing stored; a repeated request is
  // answered without it, since what the first job made may be in the way by then.
  absl::StatusOr<jobs::v1::Job> Submit(absl::string_view kind,
                                       const std::vector<std::string>& targets,
                                       const google::protobuf::Any& spec,
                                       absl::string_view request_id,
                                       const JobCheck& check = nullptr);

  // INVALID_ARGUMENT for a malformed name, NOT_FOUND (JOB_NOT_FOUND); the same for those below.
  absl::StatusOr<jobs::v1::Job> Get(absl::string_view name) const;
  // Newest first. INVALID_ARGUMENT as ReadPage.
  absl::StatusOr<jobs::v1::ListJobsResponse> List(const jobs::v1::ListJobsRequest& request) const;

  // Of each registered kind, also where there are none.
  std::map<std::string, UnfinishedJobs> Unfinished() const;

  // Waits until the job's revision is no longer `seen`, or until `timeout` has passed. Returns the
  // current revision and, if that is not `seen`, the job in `*job`. Revisions start at 1, so 0 asks
  // for the job as it is. After Stop: the last revision if not seen, then UNAVAILABLE
  // (SERVER_DRAINING) for a job that is not finished.
  absl::StatusOr<uint64_t> Watch(absl::string_view name, uint64_t seen, absl::Duration timeout,
                                 jobs::v1::Job* job) const;
  // For who follows jobs without a thread that waits: sets the one listener, null = none.
  void SetListener(JobListener listener);

  // Asks the job to stop; durable on return. See recsae.jobs.v1.Jobs.CancelJob.
  absl::StatusOr<jobs::v1::Job> Cancel(absl::string_view name);

  // FAILED_PRECONDITION (JOB_NOT_FINISHED) while it is pending or running.
  absl::Status Delete(absl::string_view name);

 private:
  friend class JobContext;
  struct Impl;
  explicit JobRunner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What a handler sees of its job. Thread-safe: the handler may hand it to threads of its own that
// end before it returns.
class JobContext {
  struct Impl;

 public:
  // "jobs/{job}".
  const std::string& name() const;
  // The first one.
  const std::string& target() const;
  // The request, with the defaults of when it was submitted where JobCheck has filled them in.
  const google::protobuf::Any& spec() const;
  // How often the job was taken up again.
  int resumes() const;

  // Cheap enough for every batch: what watchers see and what is stored is limited in rate.
  void SetProgress(absl::string_view stage, int64_t done, int64_t total, absl::string_view unit);
  void SetMetric(absl::string_view name, double value);

  // The job was cancelled: undo what is half-done and return.
  bool cancelled() const;
  // The process is about to end: save a checkpoint if that is quick, and return an error; the job
  // stays RUNNING in the store and goes on at the next start.
  bool stopping() const;
  // Either of the two: what long computations ask every few milliseconds.
  bool interrupted() const { return cancelled() || stopping(); }
  // OK, or CANCELLED (JOB_CANCELLED), or ABORTED (JOB_STOPPED): what to return.
  absl::Status Interrupted() const;

  // Waits for `timeout` or until interrupted; returns Interrupted().
  absl::Status Sleep(absl::Duration timeout) const;

  // While it lives, `callback` runs once as soon as the job is cancelled or the process stops, at
  // once if that is already so. For what blocks: [&rpc] { rpc.TryCancel(); }. The callback must be
  // quick and must not destroy its own CancelCallback. Destruction waits for a running callback.
  class CancelCallback {
   public:
    CancelCallback(CancelCallback&& other) noexcept;
    CancelCallback& operator=(CancelCallback&&) = delete;
    ~CancelCallback();

   private:
    friend class JobContext;
    CancelCallback(std::shared_ptr<Impl> context, uint64_t id);
    std::shared_ptr<Impl> context_;
    uint64_t id_;
  };
  [[nodiscard]] CancelCallback OnCancel(std::function<void()> callback) const;

  // Replaces the job's checkpoint: after a crash there is the old one or the new one, whole. Any
  // size that fits memory. It is dropped when the job reaches a final state.
  absl::Status SaveCheckpoint(absl::string_view bytes);
  // NOT_FOUND (CHECKPOINT_NOT_FOUND) if there is none.
  absl::StatusOr<std::string> LoadCheckpoint() const;

 private:
  friend class JobRunner;
  explicit JobContext(std::shared_ptr<Impl> impl);
  ~JobContext();
  std::shared_ptr<Impl> impl_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_JOBS_JOB_RUNNER_H_
