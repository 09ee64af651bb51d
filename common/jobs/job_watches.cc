#include "common/jobs/job_watches.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/jobs/job_store.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/guard.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae {
namespace {

// From a round that failed for want of memory until the next.
constexpr std::chrono::milliseconds kServeAgain{50};

}  // namespace

using jobs::v1::Job;

// One watch. Whoever makes `busy_` true owns the stream until the next write is under way (then
// OnWriteDone owns it) or there is nothing to send (then it is false again). After the end it stays
// true.
class JobWatches::Watcher : public grpc::ServerWriteReactor<Job> {
 public:
  Watcher(JobWatches& watches, grpc::CallbackServerContext* context, std::string job)
      : watches_(watches), context_(context), name_(std::move(job)) {}

  const std::string& name() const { return name_; }

  // There may be something to send.
  void Pump() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      pending_ = true;
      if (std::exchange(busy_, true)) return;
    }
    Step();
  }

  // Ends the watch with `status` as soon as no write is under way.
  void End(absl::Status status) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (end_.ok()) end_ = std::move(status);
    }
    Pump();
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      pending_ = true;
      if (!ok && end_.ok()) end_ = Gone();
    }
    Step();
  }

  // Also called when the caller's deadline passes, which is then what it is told.
  void OnCancel() override {
    absl::Status why = CheckAlive(context_);
    End(why.ok() ? Gone() : std::move(why));
  }

  void OnDone() override { watches_.Remove(this); }

 private:
  static absl::Status Gone() {
    return Error(absl::StatusCode::kCancelled, "CALL_CANCELLED", "the caller is gone");
  }

  // Starts the next write or the end, or leaves the watch idle. Called by the owner of busy_.
  void Step() {
    while (true) {
      absl::Status end;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        busy_ = !end_.ok() || pending_;
        if (!busy_) return;
        pending_ = false;
        end = end_;
      }
      uint64_t revision = seen_;
      const grpc::Status status = Guard(context_, [&]() -> absl::Status {
        RECSAE_RETURN_IF_ERROR(end);
        RECSAE_ASSIGN_OR_RETURN(revision,
                                watches_.runner_.Watch(name_, seen_, absl::ZeroDuration(), &job_));
        return absl::OkStatus();
      });
      if (!status.ok()) return Finish(status);
      if (revision == seen_) continue;
      seen_ = revision;
      if (IsFinal(job_.state())) return StartWriteAndFinish(&job_, {}, grpc::Status::OK);
      return StartWrite(&job_);
    }
  }

  JobWatches& watches_;
  grpc::CallbackServerContext* const context_;
  const std::string name_;
  // Of the owner of busy_.
  uint64_t seen_ = 0;
  Job job_;

  std::mutex mutex_;
  bool busy_ = false;
  bool pending_ = false;  // not looked at the job since there may be something new
  absl::Status end_;
};

JobWatches::JobWatches(JobRunner& runner, int max_watches)
    : runner_(runner), max_watches_(static_cast<size_t>(max_watches)) {
  dispatcher_ = std::thread([this] { Run(); });
  runner_.SetListener([this](absl::string_view job, absl::Duration delay) { Note(job, delay); });
}

JobWatches::~JobWatches() {
  runner_.SetListener(nullptr);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  noted_.notify_all();
  dispatcher_.join();
}

grpc::ServerWriteReactor<Job>* JobWatches::Watch(grpc::CallbackServerContext* context,
                                                 const jobs::v1::WatchJobRequest& request) {
  const auto watcher = std::make_shared<Watcher>(*this, context, request.name());
  bool full = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    full = watchers_.size() >= max_watches_;
    watchers_.emplace(watcher->name(), watcher);
  }
  if (full) {
    watcher->End(Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_WATCHES",
                       absl::StrCat("this server follows jobs for ", max_watches_,
                                    " callers already, which is the most: try again later, or ask "
                                    "with GetJob"),
                       {{"limit", absl::StrCat(max_watches_)}}));
  } else {
    watcher->Pump();
  }
  return watcher.get();
}

void JobWatches::Remove(const Watcher* watcher) {
  std::shared_ptr<Watcher> last;  // destroyed after the lock is released
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto [begin, end] = watchers_.equal_range(watcher->name());
  const auto it =
      std::find_if(begin, end, [&](const auto& of) { return of.second.get() == watcher; });
  last = std::move(it->second);
  watchers_.erase(it);
}

void JobWatches::Note(absl::string_view job, absl::Duration delay) {
  const Clock::time_point when = Clock::now() + absl::ToChronoNanoseconds(delay);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!job.empty() && watchers_.find(job) == watchers_.end()) return;
  const auto [it, is_new] = due_.emplace(std::string(job), when);
  if (!is_new && it->second <= when) return;
  it->second = when;
  noted_.notify_all();
}

// The watches of the jobs that are due.
std::vector<std::shared_ptr<JobWatches::Watcher>> JobWatches::TakeDue(Clock::time_point now) {
  std::vector<std::shared_ptr<Watcher>> due;
  due.reserve(2 * watchers_.size());  // at most all, and each by its name: no note is lost below
  for (auto it = due_.begin(); it != due_.end();) {
    if (it->second > now) {
      ++it;
      continue;
    }
    auto [begin, end] = watchers_.equal_range(it->first);
    if (it->first.empty()) std::tie(begin, end) = std::pair(watchers_.begin(), watchers_.end());
    for (; begin != end; ++begin) due.push_back(begin->second);
    it = due_.erase(it);
  }
  return due;
}

void JobWatches::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    const auto first = std::min_element(
        due_.begin(), due_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    if (first == due_.end()) {
      noted_.wait(lock);
      continue;
    }
    const Clock::time_point when = first->second;
    if (when > Clock::now()) {
      noted_.wait_until(lock, when);
      continue;
    }
    std::vector<std::shared_ptr<Watcher>> due;
    const absl::Status taken = Contain("serving watches of jobs", [&] {
      due = TakeDue(Clock::now());
      return absl::OkStatus();
    });
    if (!taken.ok()) noted_.wait_for(lock, kServeAgain);
    // Without the lock, so that watches can end and jobs change meanwhile.
    lock.unlock();
    for (const auto& watcher : due) watcher->Pump();
    due.clear();
    lock.lock();
  }
}

}  // namespace recsae
