#include "services/probe/torch/child_calls.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/messages/status.h"

namespace recsae::probe {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(5);

}  // namespace

ChildCalls::ChildCalls(std::unique_ptr<ChildProcess> child)
    : child_(std::move(child)), reader_([this] { Read(); }) {}

ChildCalls::~ChildCalls() {
  child_->Kill();
  reader_.join();
}

bool ChildCalls::ended() const {
  absl::MutexLock lock(&mutex_);
  return ended_;
}

void ChildCalls::Read() {
  torch_host::v1::FromHost message;
  while (child_->Receive(&message).ok()) {
    absl::MutexLock lock(&mutex_);
    const auto found = waiting_.find(message.answer().id());
    if (found == waiting_.end()) continue;  // nobody waits for it any more
    found->second->answer = std::move(*message.mutable_answer());
    found->second->done = true;
    waiting_.erase(found);
  }
  absl::MutexLock lock(&mutex_);
  ended_ = true;
  for (auto& [id, waiting] : waiting_) waiting->done = waiting->ended = true;
  waiting_.clear();
}

absl::Status ChildCalls::WaitFor(Waiting& waiting, absl::Time deadline,
                                 const std::function<bool()>& cancelled) {
  while (true) {
    const absl::Time poll = cancelled ? absl::Now() + kPoll : absl::InfiniteFuture();
    if (mutex_.AwaitWithDeadline(absl::Condition(&waiting.done), std::min(poll, deadline))) {
      return absl::OkStatus();
    }
    if (absl::Now() >= deadline) {
      return Error(absl::StatusCode::kDeadlineExceeded, "HOST_SLOW",
                   "recsae-torch-host did not answer in time");
    }
    mutex_.Unlock();
    const bool gone = cancelled && cancelled();
    mutex_.Lock();
    if (gone && !waiting.done) {
      return Error(absl::StatusCode::kCancelled, "CANCELLED", "the caller has gone");
    }
  }
}

absl::StatusOr<hosts::v1::Answer> ChildCalls::Call(hosts::v1::Call call, absl::Time deadline,
                                                   const std::function<bool()>& cancelled) {
  Waiting waiting;
  torch_host::v1::ToHost message;
  *message.mutable_call() = std::move(call);
  {
    absl::MutexLock lock(&mutex_);
    message.mutable_call()->set_id(++last_id_);
    if (ended_) {
      waiting.done = waiting.ended = true;
    } else {
      waiting_.emplace(last_id_, &waiting);
    }
  }
  // Where it fails the reader sees the end, too.
  if (!waiting.ended) (void)child_->Send(message);
  absl::MutexLock lock(&mutex_);
  const absl::Status waited = WaitFor(waiting, deadline, cancelled);
  waiting_.erase(message.call().id());
  RECSAE_RETURN_IF_ERROR(waited);
  if (waiting.ended) {
    return Error(absl::StatusCode::kUnavailable, "HOST_AWAY", "recsae-torch-host is gone");
  }
  if (waiting.answer.has_error() && waiting.answer.error().code() != 0) {
    return FromRpcStatus(waiting.answer.error());
  }
  return std::move(waiting.answer);
}

}  // namespace recsae::probe
