#include "common/client/idle_limit.h"

#include <grpcpp/client_context.h>

namespace recsae {

IdleLimit::IdleLimit(grpc::ClientContext& context, absl::Duration limit)
    : context_(context),
      limit_(absl::ToChronoNanoseconds(limit)),
      thread_([this](const std::stop_token& stop) { Watch(stop); }) {}

void IdleLimit::Start() {
  const std::lock_guard<std::mutex> lock(mutex_);
  end_ = Clock::now() + limit_;
  // A thread that waits for an earlier end finds this one then.
  if (!started_) changed_.notify_all();
  started_ = true;
}

void IdleLimit::Stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  started_ = false;
}

bool IdleLimit::exceeded() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return exceeded_;
}

void IdleLimit::Watch(const std::stop_token& stop) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stop.stop_requested()) {
    if (!started_) {
      changed_.wait(lock, stop, [this] { return started_; });
    } else if (Clock::now() < end_) {
      const Clock::time_point end = end_;
      changed_.wait_until(lock, stop, end, [this] { return !started_; });
    } else {
      exceeded_ = true;
      lock.unlock();
      context_.TryCancel();
      return;
    }
  }
}

}  // namespace recsae
