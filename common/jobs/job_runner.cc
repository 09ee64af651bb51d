#include "common/jobs/job_runner.h"

#include <google/protobuf/any.pb.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/jobs/job_context.h"
#include "common/jobs/job_store.h"
#include "common/jobs/job_table.h"
#include "common/rpc/grpc_status.h"
#include "common/storage/mutation.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae {
namespace {

using google::protobuf::Any;
using jobs::v1::Job;

absl::Status KindUnknown(absl::string_view kind) {
  return Error(absl::StatusCode::kInternal, "JOB_KIND_UNKNOWN",
               absl::StrCat("this server does not run jobs of kind \"", kind, "\""),
               {{"kind", std::string(kind)}});
}

void Fail(JobRecord& record, const absl::Status& error) {
  record.job.set_state(Job::STATE_FAILED);
  *record.job.mutable_error() = ToRpcStatus(error);
}

absl::StatusOr<Any> CallHandler(const JobHandler& handler, JobContext& context) {
  std::string what = "unknown exception";
  try {
    return handler(context);
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {  // Whatever it was, the worker goes on with the next job.
  }
  return Error(absl::StatusCode::kInternal, "JOB_EXCEPTION",
               absl::StrCat(context.name(), " failed: ", what));
}

}  // namespace

struct JobRunner::Impl {
  JobRunnerOptions options;
  std::unique_ptr<JobStore> store;
  std::unique_ptr<JobTable> table;
  std::unique_ptr<RequestLog> requests;

  // Taken before the table's own lock. Guards what follows and makes each change of a job's state
  // and of queue/running one step.
  std::mutex mutex;
  std::condition_variable work;  // a job was queued, or stopping
  std::condition_variable idle;  // a handler has returned
  std::map<std::string, JobHandler, std::less<>> handlers;
  std::deque<uint64_t> queue;
  std::map<uint64_t, std::shared_ptr<JobContext::Impl>> running;
  bool stopping = false;
  std::vector<std::thread> workers;

  // Decides what becomes of a job that was stored as unfinished.
  void Recover(JobRecord& record) const;
  void Work();
  void RunOne(std::unique_lock<std::mutex>& lock, uint64_t sequence);
  // The state after the handler has returned.
  static void Settle(JobRecord& record, const JobContext::Impl& context,
                     const absl::StatusOr<Any>& result);
};

JobRunner::JobRunner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

JobRunner::~JobRunner() { Stop(absl::InfiniteDuration()).IgnoreError(); }

absl::StatusOr<std::unique_ptr<JobRunner>> JobRunner::Open(const std::string& directory,
                                                           const JobRunnerOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  RECSAE_ASSIGN_OR_RETURN(impl->store,
                          JobStore::Open(directory, options.service, options.environment));
  impl->table =
      std::make_unique<JobTable>(*impl->store, options.publish_interval, options.persist_interval);
  RECSAE_RETURN_IF_ERROR(impl->table->Load());
  impl->requests = std::make_unique<RequestLog>(impl->store->database());
  return std::unique_ptr<JobRunner>(new JobRunner(std::move(impl)));
}

void JobRunner::Register(absl::string_view kind, JobHandler handler) {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  impl_->handlers[std::string(kind)] = std::move(handler);
}

void JobRunner::Impl::Recover(JobRecord& record) const {
  const bool was_running = record.job.state() == Job::STATE_RUNNING;
  if (was_running && !record.paused) ++record.crashes;
  record.paused = false;
  if (record.cancel_requested) {
    record.job.set_state(Job::STATE_CANCELLED);
  } else if (handlers.count(record.job.kind()) == 0) {
    Fail(record, KindUnknown(record.job.kind()));
  } else if (record.crashes > static_cast<uint32_t>(options.max_crashes)) {
    Fail(record, Error(absl::StatusCode::kInternal, "JOB_CRASHED",
                       absl::StrCat(record.job.name(), " ended the server ", record.crashes,
                                    " times without getting further")));
  } else if (was_running) {
    record.job.set_resume_count(record.job.resume_count() + 1);
    record.job.set_state(Job::STATE_PENDING);
  }
}

absl::Status JobRunner::Start() {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  impl_->queue.clear();
  for (const JobRecord& stored : impl_->table->All()) {
    if (IsFinal(stored.job.state())) continue;
    bool queued = false;
    RECSAE_RETURN_IF_ERROR(impl_->table->Change(stored.sequence, [&](JobRecord& record) {
      impl_->Recover(record);
      queued = !IsFinal(record.job.state());
    }));
    if (queued) impl_->queue.push_back(stored.sequence);
  }
  for (int i = 0; i < impl_->options.workers; ++i) {
    impl_->workers.emplace_back([this] { impl_->Work(); });
  }
  return absl::OkStatus();
}

void JobRunner::Impl::Work() {
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    work.wait(lock, [this] { return stopping || !queue.empty(); });
    if (stopping) return;
    const uint64_t sequence = queue.front();
    queue.pop_front();
    RunOne(lock, sequence);
  }
}

void JobRunner::Impl::RunOne(std::unique_lock<std::mutex>& lock, uint64_t sequence) {
  JobRecord started;
  // A state that cannot be stored does not stop the work: what the job makes is stored by its
  // service, and after a restart the job is simply taken up again. The same holds below.
  table
      ->Change(sequence,
               [&](JobRecord& record) {
                 record.job.set_state(Job::STATE_RUNNING);
                 started = record;
               })
      .IgnoreError();
  const JobHandler handler = handlers.at(started.job.kind());
  const auto impl = std::make_shared<JobContext::Impl>(*store, *table, std::move(started));
  running[sequence] = impl;

  lock.unlock();
  JobContext context(impl);
  const absl::StatusOr<Any> result = CallHandler(handler, context);
  lock.lock();

  table->Change(sequence, [&](JobRecord& record) { Settle(record, *impl, result); }).IgnoreError();
  running.erase(sequence);
  idle.notify_all();
}

void JobRunner::Impl::Settle(JobRecord& record, const JobContext::Impl& context,
                             const absl::StatusOr<Any>& result) {
  if (result.ok()) {
    record.job.set_state(Job::STATE_SUCCEEDED);
    *record.job.mutable_result() = *result;
  } else if (record.cancel_requested) {
    record.job.set_state(Job::STATE_CANCELLED);
  } else if (context.stopping) {
    // Stays RUNNING. Whatever the error: if it was not the stop, it comes again.
    record.paused = true;
  } else {
    Fail(record, result.status());
  }
}

absl::Status JobRunner::Stop(absl::Duration timeout) {
  std::unique_lock<std::mutex> lock(impl_->mutex);
  impl_->stopping = true;
  impl_->work.notify_all();
  const auto contexts = impl_->running;
  lock.unlock();
  impl_->table->EndWatches();
  for (const auto& [sequence, context] : contexts) context->Interrupt(context->stopping);

  lock.lock();
  const auto is_idle = [this] { return impl_->running.empty(); };
  if (timeout == absl::InfiniteDuration()) {
    impl_->idle.wait(lock, is_idle);
  } else if (!impl_->idle.wait_for(lock, absl::ToChronoNanoseconds(timeout), is_idle)) {
    return Error(absl::StatusCode::kDeadlineExceeded, "JOB_NOT_STOPPED",
                 absl::StrCat(impl_->running.begin()->second->record.job.name(),
                              " did not pause within ", absl::FormatDuration(timeout)));
  }
  auto workers = std::exchange(impl_->workers, {});
  lock.unlock();
  for (std::thread& worker : workers) worker.join();
  return absl::OkStatus();
}

absl::StatusOr<Job> JobRunner::Submit(absl::string_view kind, absl::string_view target,
                                      const Any& spec, absl::string_view request_id,
                                      const std::function<absl::Status()>& check) {
  const std::string method = absl::StrCat("jobs ", kind);
  const std::string content = absl::StrCat(target, "\n", spec.type_url(), "\n", spec.value());
  Job job;
  const auto submit = [&](Transaction& transaction) -> absl::Status {
    if (check) RECSAE_RETURN_IF_ERROR(check());
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    if (impl_->stopping) {
      return Error(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                   "the server is stopping and takes no more jobs");
    }
    if (impl_->handlers.count(std::string(kind)) == 0) return KindUnknown(kind);
    RECSAE_ASSIGN_OR_RETURN(const JobRecord record,
                            impl_->table->Add(kind, target, spec, transaction));
    impl_->queue.push_back(record.sequence);
    impl_->work.notify_one();
    job = record.job;
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(Mutate(*impl_->requests, {method, request_id, content}, &job, submit));
  return job;
}

absl::StatusOr<Job> JobRunner::Get(absl::string_view name) const {
  RECSAE_ASSIGN_OR_RETURN(JobRecord record, impl_->table->Find(name));
  return std::move(record.job);
}

absl::StatusOr<jobs::v1::ListJobsResponse> JobRunner::List(
    const jobs::v1::ListJobsRequest& request) const {
  return impl_->table->List(request);
}

absl::StatusOr<uint64_t> JobRunner::Watch(absl::string_view name, uint64_t seen,
                                          absl::Duration timeout, Job* job) const {
  return impl_->table->Watch(name, seen, timeout, job);
}

absl::StatusOr<Job> JobRunner::Cancel(absl::string_view name) {
  std::shared_ptr<JobContext::Impl> context;
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    RECSAE_ASSIGN_OR_RETURN(JobRecord record, impl_->table->Find(name));
    if (IsFinal(record.job.state())) return std::move(record.job);
    const auto it = impl_->running.find(record.sequence);
    if (it != impl_->running.end()) context = it->second;
    const auto queued = std::find(impl_->queue.begin(), impl_->queue.end(), record.sequence);
    if (queued != impl_->queue.end()) impl_->queue.erase(queued);
    RECSAE_RETURN_IF_ERROR(impl_->table->Change(record.sequence, [&](JobRecord& changed) {
      changed.cancel_requested = true;
      if (context == nullptr) changed.job.set_state(Job::STATE_CANCELLED);
    }));
  }
  // Without the lock: callbacks may look at the job.
  if (context != nullptr) context->Interrupt(context->cancelled);
  return Get(name);
}

absl::Status JobRunner::Delete(absl::string_view name) { return impl_->table->Delete(name); }

}  // namespace recsae
