// The jobs of a process in memory, over their store: who may see what, when. Internal to
// common/jobs.
#ifndef RECSAE_COMMON_JOBS_JOB_TABLE_H_
#define RECSAE_COMMON_JOBS_JOB_TABLE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/jobs/job_store.h"
#include "common/storage/mutation.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae {

// Thread-safe.
class JobTable {
 public:
  JobTable(JobStore& store, absl::Duration publish_interval, absl::Duration persist_interval);

  absl::Status Load();

  // A new PENDING job, committed with itself as the response. See JobRunner::Submit.
  absl::StatusOr<JobRecord> Add(absl::string_view kind, absl::string_view target,
                                const google::protobuf::Any& spec, Transaction& transaction);

  // Applies a change that watchers see at once and that is stored, synced, on return. If it cannot
  // be stored, it holds for this process all the same.
  absl::Status Change(uint64_t sequence, const std::function<void(JobRecord&)>& change);
  // Applies a change that watchers see and the store gets at a limited rate.
  void Touch(uint64_t sequence, const std::function<void(JobRecord&)>& change);

  // See JobRunner.
  absl::StatusOr<JobRecord> Find(absl::string_view name) const;
  std::vector<JobRecord> All() const;
  absl::StatusOr<jobs::v1::ListJobsResponse> List(const jobs::v1::ListJobsRequest& request) const;
  absl::StatusOr<uint64_t> Watch(absl::string_view name, uint64_t seen, absl::Duration timeout,
                                 jobs::v1::Job* job);
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

  absl::StatusOr<std::shared_ptr<Entry>> FindLocked(absl::string_view name) const;
  void PublishLocked(Entry& entry);

  JobStore& store_;
  const Clock::duration publish_interval_;
  const Clock::duration persist_interval_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, std::shared_ptr<Entry>> entries_;
  std::map<std::string, uint64_t, std::less<>> by_name_;
  bool watches_ended_ = false;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_JOBS_JOB_TABLE_H_
