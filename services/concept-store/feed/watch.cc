#include "services/concept-store/feed/watch.h"

#include <grpcpp/server_context.h>

#include <chrono>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "common/base/status.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/guard.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/store.h"

namespace recsae::concept_store {
namespace {

constexpr size_t kWatchBufferBytes = size_t{64} << 10;
// From the drain until watches whose callers do not read are cancelled.
constexpr std::chrono::milliseconds kDrainGrace{500};

absl::Status Draining() {
  return Error(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
               "the server is stopping; watch again from the last revision received");
}

}  // namespace

// One watch. Whoever makes `busy_` true owns the cursor and the stream until the next write is
// under way (then OnWriteDone owns them) or there is nothing to send (then it is false again).
class WatchHub::Watcher : public grpc::ServerWriteReactor<v1::ConceptChange> {
 public:
  Watcher(WatchHub& hub, grpc::CallbackServerContext* context, WatchStart start)
      : hub_(hub),
        context_(context),
        sae_id_(std::move(start.sae_id)),
        read_(start.revision),
        caught_up_at_(hub.store_.revision()) {}

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
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (end_.ok()) end_ = std::move(status);
    }
    Pump();
  }

  // Frees the watch of a write that its caller does not take.
  void Cancel() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!done_) context_->TryCancel();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (end_.ok()) end_ = absl::CancelledError("the caller is gone");
    }
    Step();
  }

  // Also called when the caller's deadline passes, which is then what it is told.
  void OnCancel() override {
    absl::Status why = CheckAlive(context_);
    End(why.ok() ? absl::CancelledError("the call was cancelled") : std::move(why));
  }

  void OnDone() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
    }
    hub_.Remove(this);
  }

 private:
  // Starts the next write or the end, or leaves the watch idle. Called by the owner of busy_.
  void Step() {
    while (true) {
      absl::Status end;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        end = end_;
        const bool sent = next_ == changes_.size() && caught_up_;
        if (end.ok() && sent && read_ >= hub_.store_.revision()) {
          busy_ = false;
          return;
        }
      }
      // busy_ stays true: nothing is sent after the end.
      if (!end.ok()) return Finish(ToGrpc(end));
      if (next_ < changes_.size()) return StartWrite(&changes_[next_++]);
      if (!caught_up_ && read_ >= caught_up_at_) return SendCaughtUp();
      Read();
    }
  }

  void SendCaughtUp() {
    caught_up_ = true;
    changes_.resize(1);
    changes_[0].Clear();
    changes_[0].set_type(v1::ConceptChange::TYPE_CAUGHT_UP);
    changes_[0].set_revision(read_);
    next_ = 1;
    StartWrite(changes_.data());
  }

  void Read() {
    changes_.clear();
    next_ = 0;
    const auto read = hub_.store_.ReadChanges(read_, sae_id_, kWatchBufferBytes, &changes_);
    if (read.ok()) {
      read_ = *read;
      return;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (end_.ok()) end_ = read.status();
  }

  WatchHub& hub_;
  grpc::CallbackServerContext* const context_;
  const std::string sae_id_;
  // Of the owner of busy_.
  std::vector<v1::ConceptChange> changes_;  // read from the log
  size_t next_ = 0;                         // first of them that was not sent
  int64_t read_;                            // how far the log was read
  const int64_t caught_up_at_;
  bool caught_up_ = false;

  std::mutex mutex_;
  bool busy_ = false;
  bool done_ = false;
  absl::Status end_;
};

WatchHub::WatchHub(const Store& store, std::function<void(int64_t)> on_count)
    : store_(store), on_count_(std::move(on_count)), dispatcher_([this] { Run(); }) {}

WatchHub::~WatchHub() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  dispatcher_.join();
}

grpc::ServerWriteReactor<v1::ConceptChange>* WatchHub::Watch(
    grpc::CallbackServerContext* context, const v1::WatchConceptsRequest& request) {
  absl::StatusOr<WatchStart> start = store_.BeginWatch(request);
  const absl::Status status = start.status();
  auto watcher =
      std::make_shared<Watcher>(*this, context, start.ok() ? *std::move(start) : WatchStart());
  bool draining = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    watchers_.insert(watcher);
    draining = draining_;
    on_count_(static_cast<int64_t>(watchers_.size()));
  }
  if (!status.ok()) {
    watcher->End(status);
  } else if (draining) {
    watcher->End(Draining());
  } else {
    watcher->Pump();
  }
  return watcher.get();
}

void WatchHub::Remove(Watcher* watcher) {
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

void WatchHub::Notify() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    notified_ = true;
  }
  changed_.notify_all();
}

void WatchHub::Drain() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    draining_ = true;
    notified_ = true;
  }
  changed_.notify_all();
}

void WatchHub::Run() {
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
    const std::vector<std::shared_ptr<Watcher>> watchers(watchers_.begin(), watchers_.end());
    lock.unlock();
    for (const auto& watcher : watchers) {
      if (draining) watcher->End(Draining());
      if (late) watcher->Cancel();
      if (!draining) watcher->Pump();
    }
    lock.lock();
  }
}

}  // namespace recsae::concept_store
