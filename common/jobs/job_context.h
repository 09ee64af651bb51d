// What stands behind a JobContext. Internal to common/jobs.
#ifndef RECSAE_COMMON_JOBS_JOB_CONTEXT_H_
#define RECSAE_COMMON_JOBS_JOB_CONTEXT_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "common/jobs/job_runner.h"
#include "common/jobs/job_store.h"
#include "common/jobs/job_table.h"

namespace recsae {

struct JobContext::Impl {
  Impl(JobStore& job_store, JobTable& job_table, JobRecord job_record)
      : store(job_store), table(job_table), record(std::move(job_record)) {}

  JobStore& store;
  JobTable& table;
  // As it was when the handler was called.
  const JobRecord record;

  std::atomic<bool> cancelled{false};
  std::atomic<bool> stopping{false};

  std::mutex checkpoint_mutex;
  bool crashes_forgiven = false;

  // Held while callbacks run, so that to remove one is to wait for it.
  std::mutex mutex;
  std::condition_variable interrupted;
  std::map<uint64_t, std::function<void()>> callbacks;
  uint64_t next_callback = 1;

  bool IsInterrupted() const { return cancelled || stopping; }
  // Sets one of the two flags and tells whoever waits.
  void Interrupt(std::atomic<bool>& flag);
};

}  // namespace recsae

#endif  // RECSAE_COMMON_JOBS_JOB_CONTEXT_H_
