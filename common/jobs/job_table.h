// The jobs of a process in memory, over their store: who may see what, when. Internal to
// common/jobs.
#ifndef RECSAE_COMMON_JOBS_JOB_TABLE_H_
#define RECSAE_COMMON_JOBS_JOB_TABLE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/jobs/job_runner.h"
#include "common/jobs/job_store.h"
#include "common/storage/mutation.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae {

// Thread-safe.
class JobTable {
 public:
  // Of the options, the intervals and the limits. Everything must outlive the table.
  JobTable(JobStore& store, const JobRunnerOptions& options);

  absl::Status Load();

  // Commits `job` (kind, spec, targets) as a new PENDING one, which is the response as well. See
  // JobRunner::Submit.
  absl::StatusOr<JobRecord> Add(jobs::v1::Job job, Transaction& transaction);

  // Applies a change that is stored, synced, and only then seen by anyone; returns the record. If
  // it cannot be stored, nothing has changed.
  absl::StatusOr<JobRecord> Change(uint64_t sequence,
                                   const std::function<void(JobRecord&)>& change);
  // Applies a change that watchers see and the store gets at a limited rate.
  void Touch(uint64_t sequence, const std::function<void(JobRecord&)>& change);

  // Forgets the ended jobs that are too many or too old.
  void Retire();

  // See JobRunner.
  absl::StatusOr<JobRecord> Find(absl::string_view name) const;
  std::vector<JobRecord> All() const;
  // Adds the jobs of the kinds in `counts`.
  void CountUnfinished(std::map<std::string, UnfinishedJobs>& counts) const;
  // Empty if there is no such job.
  std::string NameOf(uint64_t sequence) const;
  absl::StatusOr<jobs::v1::ListJobsResponse> List(const jobs::v1::ListJobsRequest& request) const;
  absl::StatusOr<uint64_t> Watch(absl::string_view name, uint64_t seen, absl::Duration timeout,
                                 jobs::v1::Job* job);
  void SetListener(JobListener listener);
  absl::Status Delete(absl::string_view name);
  // From now on a Watch that has nothing new to tell fails with UNAVAILABLE.
  void EndWatches();

 private:
  using Clock = std::chrono::steady_clock;

  struct Entry {
    JobRecord record;
    uint64_t revision = 1;
    // Changed since the last revision, which was at `published`.
    bool unpublished = false;
    bool deleted = false;
    Clock::time_point published;
    Clock::time_point persisted;
  };

  absl::StatusOr<std::shared_ptr<Entry>> FindLocked(absl::string_view name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckTargetsLocked(const jobs::v1::Job& job) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Wakes who waits for the job (empty: for any), in Watch and through the listener.
  void TellLocked(absl::string_view name, Clock::duration delay)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishLocked(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PersistLocked(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<uint64_t> RetiredLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetLocked(uint64_t sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  JobStore& store_;
  const JobRunnerOptions& options_;
  const Clock::duration publish_interval_;
  const Clock::duration persist_interval_;

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  JobListener listener_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t, std::less<>> by_name_ ABSL_GUARDED_BY(mutex_);
  bool watches_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool progress_stored_ ABSL_GUARDED_BY(mutex_) = true;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_JOBS_JOB_TABLE_H_
