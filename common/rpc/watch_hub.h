// Serves watches by callbacks: any number of callers, each at its own place in what it is sent.
#ifndef RECSAE_COMMON_RPC_WATCH_HUB_H_
#define RECSAE_COMMON_RPC_WATCH_HUB_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/guard.h"

namespace recsae {

// What one watch sends. Used by one thread at a time.
template <typename Change>
class WatchSource {
 public:
  virtual ~WatchSource() = default;
  // Appends what comes next, about `max_bytes` of it. May append nothing and still have moved on.
  virtual absl::Status Read(size_t max_bytes, std::vector<Change>* changes) = 0;
  // Whether there is something to read. Cheap; true at the latest when WatchHub::Notify is called.
  virtual bool HasMore() const = 0;
};

// Thread-safe. A watch holds no thread and at most kWatchBufferBytes of changes: what its caller
// has not taken yet stays with its source. Watches end with UNAVAILABLE (SERVER_DRAINING) once the
// hub drains; those whose caller does not read are cancelled half a second later.
template <typename Change>
class WatchHub {
 public:
  using Source = WatchSource<Change>;
  using Reactor = grpc::ServerWriteReactor<Change>;

  // `on_count` hears of every change of the number of watches.
  explicit WatchHub(std::function<void(int64_t)> on_count)
      : on_count_(std::move(on_count)), dispatcher_([this] { Run(); }) {}
  // Every watch must have ended: shut the server down first.
  ~WatchHub() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    dispatcher_.join();
  }
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  // The reactor of one call; it deletes itself. An error is what the caller is told.
  Reactor* Watch(grpc::CallbackServerContext* context,
                 absl::StatusOr<std::unique_ptr<Source>> source) {
    const auto watcher = std::make_shared<Watcher>(*this, context, std::move(source));
    bool draining = false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      watchers_.insert(watcher);
      draining = draining_;
      on_count_(static_cast<int64_t>(watchers_.size()));
    }
    if (draining) watcher->End(Ended(Draining));
    watcher->Pump();
    return watcher.get();
  }

  // The sources have more. Returns at once.
  void Notify() { Wake(/*drain=*/false); }
  // The same, and waits until all that there is was handed to the callers' connections, so that who
  // changed something is not told before those who watch; not for long, as some may not read.
  void Flush() {
    const auto end = std::chrono::steady_clock::now() + kFlushPatience;
    std::vector<std::shared_ptr<Watcher>> watchers;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      watchers.assign(watchers_.begin(), watchers_.end());
    }
    for (const auto& watcher : watchers) watcher->Pump();
    for (const auto& watcher : watchers) watcher->WaitUntilIdle(end);
  }
  // Ends all watches, and those that still come. Returns at once.
  void Drain() { Wake(/*drain=*/true); }

 private:
  class Watcher;

  static constexpr size_t kWatchBufferBytes = size_t{64} << 10;
  // From the drain until watches whose callers do not read are cancelled.
  static constexpr std::chrono::milliseconds kDrainGrace{500};

  static constexpr std::chrono::milliseconds kFlushPatience{100};
  // From a round that failed for want of memory until the next.
  static constexpr std::chrono::milliseconds kServeAgain{50};

  static absl::Status Draining() {
    return Error(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                 "the server is stopping; watch again from the last revision received");
  }

  // The status that `why` makes, or that there was no memory for it.
  static absl::Status Ended(absl::FunctionRef<absl::Status()> why) {
    return Contain("ending a watch", why);
  }

  void Wake(bool drain) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      notified_ = true;
      draining_ = draining_ || drain;
    }
    changed_.notify_all();
  }

  void Run();
  void Serve(bool draining, bool late);

  void Remove(Watcher* watcher) {
    std::shared_ptr<Watcher> last;  // destroyed after the lock is released
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto it = watchers_.begin(); it != watchers_.end(); ++it) {
      if (it->get() != watcher) continue;
      last = *it;
      watchers_.erase(it);
      break;
    }
    on_count_(static_cast<int64_t>(watchers_.size()));
  }

  const std::function<void(int64_t)> on_count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::shared_ptr<Watcher>> watchers_;
  bool notified_ = false;
  bool draining_ = false;
  bool stopping_ = false;
  std::thread dispatcher_;
};

// One watch. Whoever makes `busy_` true owns the source and the stream until the next write is
// under way (then OnWriteDone owns them) or there is nothing to send (then it is false again).
template <typename Change>
class WatchHub<Change>::Watcher : public WatchHub<Change>::Reactor {
 public:
  Watcher(WatchHub& hub, grpc::CallbackServerContext* context,
          absl::StatusOr<std::unique_ptr<Source>> source)
      : hub_(hub), context_(context), end_(source.status()) {
    if (source.ok()) source_ = *std::move(source);
  }

  // Sends what there is, unless a send is under way.
  void Pump() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (busy_) return;
      busy_ = true;
    }
    Step();
  }

  // Ends the watch with `status` as soon as no write is under way.
  void End(absl::Status status) {
    SetEnd(std::move(status));
    Pump();
  }

  // Waits until nothing is left to send.
  void WaitUntilIdle(std::chrono::steady_clock::time_point end) {
    std::unique_lock<std::mutex> lock(mutex_);
    idle_.wait_until(lock, end, [this] { return !busy_ || done_; });
  }

  // Frees the watch of a write that its caller does not take.
  void Cancel() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!done_) context_->TryCancel();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) SetEnd(Ended([] { return absl::CancelledError("the caller is gone"); }));
    Step();
  }

  // Also called when the caller's deadline passes, which is then what it is told.
  void OnCancel() override {
    End(Ended([this] {
      absl::Status why = CheckAlive(context_);
      return why.ok() ? absl::CancelledError("the call was cancelled") : why;
    }));
  }

  void OnDone() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
    }
    idle_.notify_all();
    hub_.Remove(this);
  }

 private:
  void SetEnd(absl::Status status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (end_.ok()) end_ = std::move(status);
  }

  // Starts the next write or the end, or leaves the watch idle. Called by the owner of busy_.
  void Step() {
    while (true) {
      absl::Status end;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        end = end_;
        // Asked under the lock: who changes what is watched pumps afterwards.
        if (end.ok() && next_ == changes_.size() && !source_->HasMore()) {
          busy_ = false;
          idle_.notify_all();
          return;
        }
      }
      // busy_ stays true: nothing is sent after the end.
      if (!end.ok()) return this->Finish(ToGrpc(end));
      if (next_ < changes_.size()) return this->StartWrite(&changes_[next_++]);
      changes_.clear();
      next_ = 0;
      const absl::Status read = Contain(
          "reading for a watch", [this] { return source_->Read(kWatchBufferBytes, &changes_); });
      if (!read.ok()) SetEnd(read);
    }
  }

  WatchHub& hub_;
  grpc::CallbackServerContext* const context_;
  // Of the owner of busy_.
  std::unique_ptr<Source> source_;  // null where `end_` was there from the start
  std::vector<Change> changes_;
  size_t next_ = 0;  // first of them that was not sent

  std::mutex mutex_;
  std::condition_variable idle_;
  bool busy_ = false;
  bool done_ = false;
  absl::Status end_;
};

template <typename Change>
void WatchHub<Change>::Run() {
  const auto woken = [this] { return notified_ || stopping_; };
  std::optional<std::chrono::steady_clock::time_point> cancel_at;
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    if (cancel_at.has_value()) {
      changed_.wait_until(lock, *cancel_at, woken);
    } else {
      changed_.wait(lock, woken);
    }
    if (stopping_) return;
    const bool draining = draining_;
    const bool late = !notified_;
    if (draining && (late || !cancel_at.has_value())) {
      cancel_at = std::chrono::steady_clock::now() + kDrainGrace;
    }
    notified_ = false;
    // Watches are driven without the lock, so that they can end meanwhile.
    lock.unlock();
    const absl::Status served = Contain("serving watches", [&] {
      Serve(draining, late);
      return absl::OkStatus();
    });
    lock.lock();
    if (served.ok()) continue;
    notified_ = true;
    changed_.wait_for(lock, kServeAgain, [this] { return stopping_; });
  }
}

template <typename Change>
void WatchHub<Change>::Serve(bool draining, bool late) {
  std::vector<std::shared_ptr<Watcher>> watchers;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    watchers.assign(watchers_.begin(), watchers_.end());
  }
  for (const auto& watcher : watchers) {
    if (draining) watcher->End(Ended(Draining));
    if (late) watcher->Cancel();
    if (!draining) watcher->Pump();
  }
}

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_WATCH_HUB_H_
