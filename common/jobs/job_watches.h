// Serves WatchJob: any number of callers without a thread for each. Internal to common/jobs.
#ifndef RECSAE_COMMON_JOBS_JOB_WATCHES_H_
#define RECSAE_COMMON_JOBS_JOB_WATCHES_H_

#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace recsae::jobs::v1 {
class Job;
class WatchJobRequest;
}  // namespace recsae::jobs::v1

namespace recsae {

class JobRunner;

// Thread-safe. A watch holds one Job while that is being sent; states that its caller is too slow
// for are left out. Watches end as JobRunner::Watch does, the last at its Stop.
class JobWatches {
 public:
  // Takes the runner's listener; `runner` must outlive the watches.
  JobWatches(JobRunner& runner, int max_watches);
  // Every watch must have ended: shut the server down first.
  ~JobWatches();
  JobWatches(const JobWatches&) = delete;
  JobWatches& operator=(const JobWatches&) = delete;

  // The reactor of one call, which ends by itself; with RESOURCE_EXHAUSTED (TOO_MANY_WATCHES) if
  // there are `max_watches` already.
  grpc::ServerWriteReactor<jobs::v1::Job>* Watch(grpc::CallbackServerContext* context,
                                                 const jobs::v1::WatchJobRequest& request);

 private:
  using Clock = std::chrono::steady_clock;
  class Watcher;
  using Watchers = std::multimap<std::string, std::shared_ptr<Watcher>, std::less<>>;

  // Something of `job` is due then.
  void Note(absl::string_view job, absl::Duration delay);
  void Run();
  std::vector<std::shared_ptr<Watcher>> TakeDue(Clock::time_point now);
  void Remove(const Watcher* watcher);

  JobRunner& runner_;
  const size_t max_watches_;
  std::mutex mutex_;
  std::condition_variable noted_;
  Watchers watchers_;  // by job
  std::map<std::string, Clock::time_point, std::less<>> due_;
  bool stopping_ = false;
  std::thread dispatcher_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_JOBS_JOB_WATCHES_H_
