#include "common/client/follower.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"

namespace recsae {
namespace {

// Between two questions whether a caller that waits is alive.
constexpr std::chrono::milliseconds kPoll(20);

}  // namespace

Follower::Follower(std::string what, Feed feed, FollowerOptions options)
    : what_(std::move(what)),
      work_(absl::StrCat("following the ", what_)),
      feed_(std::move(feed)),
      options_(options) {}

Follower::~Follower() { Stop(); }

void Follower::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Follower::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

absl::Status Follower::WaitUntilFilled(absl::FunctionRef<absl::Status()> alive) const {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!cursor_.has_value() && broken_.ok() && !stopping_) {
    changed_.wait_for(lock, kPoll);
    RECSAE_RETURN_IF_ERROR(alive());
  }
  if (cursor_.has_value()) return absl::OkStatus();
  if (!broken_.ok()) return broken_;
  return Error(absl::StatusCode::kUnavailable, "FEED_STOPPED",
               absl::StrCat("this server stops and has not read the ", what_, "; call another"));
}

void Follower::WaitForRevision(int64_t revision, absl::Duration limit,
                               absl::FunctionRef<absl::Status()> alive) const {
  const absl::Time end = absl::Now() + limit;
  std::unique_lock<std::mutex> lock(mutex_);
  while ((!cursor_.has_value() || cursor_->revision < revision) && !stopping_ &&
         absl::Now() < end && alive().ok()) {
    changed_.wait_for(lock, kPoll);
  }
}

std::optional<FeedCursor> Follower::cursor() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return cursor_;
}

void Follower::Advance(FeedCursor cursor) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    cursor_ = std::move(cursor);
    resume_ = true;
    received_ = true;
    broken_ = absl::OkStatus();
  }
  changed_.notify_all();
}

absl::Status Follower::RunStream() {
  grpc::ClientContext context;
  std::optional<FeedCursor> since;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return absl::OkStatus();
    received_ = false;
    if (resume_) since = cursor_;
    context_ = &context;
  }
  Stream stream(*this, context, std::move(since));
  bool returned = false;
  const absl::Status status = Contain(work_, [&] {
    absl::Status end = feed_(stream);
    returned = true;
    return end;
  });
  const std::lock_guard<std::mutex> lock(mutex_);
  context_ = nullptr;
  // Where it threw the state may have missed a change: take all of it again.
  if (!returned) resume_ = false;
  if (!status.ok()) return status;
  return Error(absl::StatusCode::kUnavailable, "FEED_ENDED",
               absl::StrCat("the server ended its feed of ", what_));
}

void Follower::Run() {
  absl::Duration wait = options_.first_wait;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const absl::Status status = Contain(work_, [this] { return RunStream(); });
    lock.lock();
    if (stopping_) return;
    if (received_) wait = options_.first_wait;
    broken_ = status;
    changed_.notify_all();
    Log(Severity::kWarning, "a feed broke; work goes on with what is here",
        {{"feed", what_},
         {"status", status},
         {"revision", cursor_.has_value() ? cursor_->revision : int64_t{0}}});
    if (absl::IsOutOfRange(status) && std::exchange(resume_, false)) continue;
    changed_.wait_for(lock, absl::ToChronoNanoseconds(wait), [this] { return stopping_; });
    wait = std::min(wait * 2, options_.longest_wait);
  }
}

}  // namespace recsae
