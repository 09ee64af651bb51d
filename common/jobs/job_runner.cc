#include "common/jobs/job_runner.h"

#include <google/protobuf/any.pb.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/caller.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/base/trace.h"
#include "common/budget/memory_budget.h"
#include "common/jobs/job_context.h"
#include "common/jobs/job_events.h"
#include "common/jobs/job_spec.h"
#include "common/jobs/job_store.h"
#include "common/jobs/job_table.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"
#include "common/storage/mutation.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae {
namespace {

using google::protobuf::Any;
using jobs::v1::Job;

constexpr absl::Duration kLongestStoreRetry = absl::Minutes(1);

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
  } catch (const std::bad_alloc&) {
    return AllocationFailed(context.name());
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {  // Whatever it was, the worker goes on with the next job.
  }
  return Error(absl::StatusCode::kInternal, "JOB_EXCEPTION",
               absl::StrCat(context.name(), " failed: ", what));
}

}  // namespace

struct JobRunner::Impl {
  explicit Impl(const JobRunnerOptions& given) : options(given), events(given.metrics) {}

  const JobRunnerOptions options;
  const JobEvents events;
  std::unique_ptr<JobStore> store;
  std::unique_ptr<JobTable> table;
  std::unique_ptr<RequestLog> requests;

  // Taken before the table's own lock. Guards what follows and makes each change of a job's state
  // and of queue/running one step.
  std::mutex mutex;
  std::condition_variable work;  // a job was queued, or stopping
  std::condition_variable idle;  // a handler has returned
  std::condition_variable stop;  // stopping
  std::map<std::string, JobHandler, std::less<>> handlers;
  std::deque<uint64_t> queue;
  std::map<uint64_t, std::shared_ptr<JobContext::Impl>> running;
  bool stopping = false;
  std::vector<std::thread> workers;

  void Unqueue(uint64_t sequence) {
    queue.erase(std::remove(queue.begin(), queue.end(), sequence), queue.end());
  }
  // Whether a job that was stored as unfinished is as it should be to wait for its turn.
  bool CanWait(const JobRecord& record) const {
    return record.job.state() == Job::STATE_PENDING && !record.cancel_requested &&
           handlers.count(record.job.kind()) > 0;
  }
  // Decides what becomes of another one.
  void Recover(JobRecord& record) const;
  void Work();
  void RunOne(std::unique_lock<std::mutex>& lock, uint64_t sequence);
  // Tries the change until it is stored. Fails if the process stops before that, or if the job is
  // no longer there.
  absl::StatusOr<JobRecord> ChangeUntilStored(std::unique_lock<std::mutex>& lock, uint64_t sequence,
                                              const std::function<void(JobRecord&)>& change);
  // Makes a started job known as running; null if the process stops before there is memory for it.
  std::shared_ptr<JobContext::Impl> Begin(std::unique_lock<std::mutex>& lock, uint64_t sequence,
                                          JobRecord record);
  // The state after the handler has returned.
  static void Settle(JobRecord& record, const JobContext::Impl& context,
                     const absl::StatusOr<Any>& result);
};

JobRunner::JobRunner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

JobRunner::~JobRunner() {
  Stop(absl::InfiniteDuration()).IgnoreError();  // Without a limit it cannot fail.
}

absl::StatusOr<std::unique_ptr<JobRunner>> JobRunner::Open(const std::string& directory,
                                                           const JobRunnerOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  RECSAE_ASSIGN_OR_RETURN(impl->store,
                          JobStore::Open(directory, options.service, options.environment));
  impl->table = std::make_unique<JobTable>(*impl->store, impl->options);
  RECSAE_RETURN_IF_ERROR(impl->table->Load());
  impl->requests = std::make_unique<RequestLog>(impl->store->database());
  return std::unique_ptr<JobRunner>(new JobRunner(std::move(impl)));
}

void JobRunner::Register(absl::string_view kind, JobHandler handler) {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  impl_->handlers[std::string(kind)] = std::move(handler);
  impl_->events.Registered(std::string(kind));
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
    Fail(record,
         Error(absl::StatusCode::kInternal, "JOB_CRASHED",
               absl::StrCat("the process ended during ", record.job.name(), " ", record.crashes,
                            " times, probably for want of memory; give it "
                            "more, or ask for less"),
               {{"job", record.job.name()}}));
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
    if (impl_->CanWait(stored)) {
      impl_->queue.push_back(stored.sequence);
      continue;
    }
    RECSAE_ASSIGN_OR_RETURN(
        const JobRecord recovered,
        impl_->table->Change(stored.sequence, [&](JobRecord& record) { impl_->Recover(record); }));
    impl_->events.Recovered(recovered.job, recovered.job.resume_count() > stored.job.resume_count(),
                            recovered.crashes > stored.crashes);
    if (IsFinal(recovered.job.state())) {
      impl_->events.Ended(recovered.job);
    } else {
      impl_->queue.push_back(stored.sequence);
    }
  }
  impl_->table->Retire();
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

absl::StatusOr<JobRecord> JobRunner::Impl::ChangeUntilStored(
    std::unique_lock<std::mutex>& lock, uint64_t sequence,
    const std::function<void(JobRecord&)>& change) {
  absl::Duration wait = options.store_retry;
  while (true) {
    absl::StatusOr<JobRecord> stored;
    const absl::Status contained = Contain("storing the state of a job", [&] {
      stored = table->Change(sequence, change);
      if (stored.ok() || absl::IsNotFound(stored.status())) return absl::OkStatus();
      Log(Severity::kError, "the state of a job cannot be stored",
          {{"job", table->NameOf(sequence)},
           {"reason", Reason(stored.status())},
           {"error", stored.status()},
           {"again_in_seconds", stopping ? 0.0 : absl::ToDoubleSeconds(wait)}});
      return absl::OkStatus();
    });
    if (!contained.ok()) stored = contained;
    if (stored.ok() || absl::IsNotFound(stored.status())) return stored;
    stop.wait_for(lock, absl::ToChronoNanoseconds(wait), [this] { return stopping; });
    if (stopping) return stored;
    wait = std::min(wait * 2, kLongestStoreRetry);
  }
}

void JobRunner::Impl::RunOne(std::unique_lock<std::mutex>& lock, uint64_t sequence) {
  absl::StatusOr<JobRecord> started = ChangeUntilStored(lock, sequence, [](JobRecord& record) {
    if (!IsFinal(record.job.state())) record.job.set_state(Job::STATE_RUNNING);
  });
  // The process stops, or the job was cancelled while its start could not be stored.
  if (!started.ok() || IsFinal(started->job.state())) return;
  const std::shared_ptr<JobContext::Impl> impl = Begin(lock, sequence, *std::move(started));
  if (impl == nullptr) return;

  const JobHandler& handler = handlers.at(impl->record.job.kind());
  lock.unlock();
  absl::StatusOr<Any> result;
  const absl::Status contained = Contain("a job", [&] {
    const TraceScope trace(TraceOf(impl->record.job));
    JobContext context(impl);
    result = CallHandler(handler, context);
    return absl::OkStatus();
  });
  if (!contained.ok()) result = contained;
  lock.lock();

  // Before it is stored nobody is told that the job has ended. If the process stops before that,
  // the job runs again and publishes the same again.
  const absl::StatusOr<JobRecord> ended =
      ChangeUntilStored(lock, sequence, [&](JobRecord& record) { Settle(record, *impl, result); });
  running.erase(sequence);
  Contain("ending a job", [&] {
    if (ended.ok() && IsFinal(ended->job.state())) {
      events.Ended(ended->job);
      table->Retire();
    } else {
      events.Paused(impl->record.job);
    }
    return absl::OkStatus();
  }).IgnoreError();
  idle.notify_all();
}

std::shared_ptr<JobContext::Impl> JobRunner::Impl::Begin(std::unique_lock<std::mutex>& lock,
                                                         uint64_t sequence, JobRecord record) {
  std::shared_ptr<JobContext::Impl> impl;
  while (!stopping) {
    const absl::Status begun = Contain("starting a job", [&] {
      events.Started(record.job);
      impl = std::make_shared<JobContext::Impl>(*store, *table, record);
      running[sequence] = impl;
      return absl::OkStatus();
    });
    if (begun.ok()) return impl;
    stop.wait_for(lock, absl::ToChronoNanoseconds(options.store_retry),
                  [this] { return stopping; });
  }
  return nullptr;  // It is RUNNING, and starts again with the server.
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
  impl_->stop.notify_all();
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

absl::StatusOr<Job> JobRunner::Submit(absl::string_view kind,
                                      const std::vector<std::string>& targets, const Any& spec,
                                      absl::string_view request_id, const JobCheck& check) {
  RECSAE_RETURN_IF_ERROR(CheckSpec(spec, impl_->options.max_spec_bytes));
  Job submitted;
  submitted.set_kind(std::string(kind));
  *submitted.mutable_spec() = spec;
  submitted.set_creator(CallerName());
  if (const auto trace = CurrentTrace()) submitted.set_trace_parent(FormatTraceParent(*trace));
  if (!targets.empty()) {
    submitted.set_target(targets[0]);
    submitted.mutable_further_targets()->Assign(targets.begin() + 1, targets.end());
  }
  const std::string method = absl::StrCat("jobs ", kind);
  // The spec decides the targets.
  const std::string content =
      absl::StrCat(submitted.target(), "\n", spec.type_url(), "\n", spec.value());
  Job job;
  const auto submit = [&](Transaction& transaction) -> absl::Status {
    Any resolved;
    if (check) RECSAE_RETURN_IF_ERROR(check(resolved));
    if (!resolved.type_url().empty()) *submitted.mutable_resolved_spec() = std::move(resolved);
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    if (impl_->stopping) {
      return Error(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                   "the server is stopping and takes no more jobs");
    }
    if (impl_->handlers.count(std::string(kind)) == 0) return KindUnknown(kind);
    RECSAE_ASSIGN_OR_RETURN(const JobRecord record,
                            impl_->table->Add(std::move(submitted), transaction));
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

std::map<std::string, UnfinishedJobs> JobRunner::Unfinished() const {
  std::map<std::string, UnfinishedJobs> counts;
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    for (const auto& [kind, handler] : impl_->handlers) counts[kind];
  }
  impl_->table->CountUnfinished(counts);
  return counts;
}

absl::StatusOr<uint64_t> JobRunner::Watch(absl::string_view name, uint64_t seen,
                                          absl::Duration timeout, Job* job) const {
  return impl_->table->Watch(name, seen, timeout, job);
}

void JobRunner::SetListener(JobListener listener) {
  impl_->table->SetListener(std::move(listener));
}

absl::StatusOr<Job> JobRunner::Cancel(absl::string_view name) {
  std::shared_ptr<JobContext::Impl> context;
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    RECSAE_ASSIGN_OR_RETURN(JobRecord record, impl_->table->Find(name));
    if (IsFinal(record.job.state())) return std::move(record.job);
    const auto it = impl_->running.find(record.sequence);
    if (it != impl_->running.end()) context = it->second;
    RECSAE_ASSIGN_OR_RETURN(record, impl_->table->Change(record.sequence, [&](JobRecord& changed) {
      changed.cancel_requested = true;
      if (context == nullptr) changed.job.set_state(Job::STATE_CANCELLED);
    }));
    if (context == nullptr) {
      impl_->Unqueue(record.sequence);
      impl_->events.Ended(record.job);
    }
  }
  // Without the lock: callbacks may look at the job.
  if (context != nullptr) context->Interrupt(context->cancelled);
  return Get(name);
}

absl::Status JobRunner::Delete(absl::string_view name) { return impl_->table->Delete(name); }

}  // namespace recsae
