#include "services/probe/hosts/host_session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/rpc/grpc_status.h"

namespace recsae::probe {
namespace {

// How often a waiting caller asks whether it shall go on waiting.
constexpr absl::Duration kPoll = absl::Milliseconds(5);

absl::Status Cancelled() {
  return Error(absl::StatusCode::kCancelled, "CANCELLED", "computing activations was cancelled");
}

// What the host says of a call, for whoever made it.
absl::Status FromHost(const std::string& name, const hosts::v1::Answer& answer) {
  const absl::Status status = FromRpcStatus(answer.error());
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnavailable:
      return Annotate(status, absl::StrCat("the host of ", name));
    default:
      return Error(absl::StatusCode::kFailedPrecondition, "MODEL_FAILED",
                   absl::StrCat("the host of ", name, ": ", std::string(status.message())),
                   {{"recommender", name}});
  }
}

}  // namespace

absl::Status HostAway(const std::string& recommender) {
  return Error(absl::StatusCode::kUnavailable, "HOST_AWAY",
               absl::StrCat("no host of ", recommender,
                            " is connected: start one, or wait until it is back"),
               {{"recommender", recommender}});
}

HostSession::HostSession(std::string name, int concurrent_calls, Send send, End end)
    : name_(std::move(name)),
      concurrent_calls_(concurrent_calls),
      send_(std::move(send)),
      end_(std::move(end)) {}

bool HostSession::GivenUp(const std::function<bool()>& cancelled) const {
  if (!cancelled) return false;
  mutex_.Unlock();  // whether the session is closed may be what is asked
  const bool given_up = cancelled();
  mutex_.Lock();
  return given_up;
}

absl::Status HostSession::AwaitTurn(const std::function<bool()>& cancelled) const {
  ++queued_;
  absl::Status status = closed_;
  while (status.ok() && running_ >= concurrent_calls_) {
    turn_.WaitWithTimeout(&mutex_, kPoll);
    status = closed_;
    if (status.ok() && GivenUp(cancelled)) status = Cancelled();
  }
  --queued_;
  return status;
}

absl::StatusOr<hosts::v1::Answer> HostSession::AwaitAnswer(
    int64_t id, Waiting& waiting, const std::function<bool()>& cancelled) const {
  while (!waiting.answer.has_value()) {
    RECSAE_RETURN_IF_ERROR(closed_);
    waiting.answered.WaitWithTimeout(&mutex_, kPoll);
    if (waiting.answer.has_value() || !GivenUp(cancelled) || waiting.answer.has_value()) continue;
    hosts::v1::HostRecommenderResponse message;
    message.set_cancelled_call_id(id);
    send_(std::move(message));
    return Cancelled();
  }
  if (waiting.answer->error().code() != 0) return FromHost(name_, *waiting.answer);
  return std::move(*waiting.answer);
}

absl::StatusOr<hosts::v1::Answer> HostSession::Call(hosts::v1::Call call,
                                                    const std::function<bool()>& cancelled) const {
  const absl::MutexLock lock(&mutex_);
  RECSAE_RETURN_IF_ERROR(AwaitTurn(cancelled));
  ++running_;
  const int64_t id = ++last_id_;
  Waiting waiting;
  waiting_[id] = &waiting;
  hosts::v1::HostRecommenderResponse message;
  *message.mutable_call() = std::move(call);
  message.mutable_call()->set_id(id);
  send_(std::move(message));
  absl::StatusOr<hosts::v1::Answer> answer = AwaitAnswer(id, waiting, cancelled);
  waiting_.erase(id);
  if (waiting.answer.has_value()) {
    --running_;
    turn_.Signal();
  } else {
    abandoned_.insert(id);
  }
  return answer;
}

void HostSession::Take(hosts::v1::Answer answer) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = waiting_.find(answer.id());
  if (found == waiting_.end()) {
    if (abandoned_.erase(answer.id()) == 0) return;
    --running_;
    turn_.Signal();
    return;
  }
  found->second->answer = std::move(answer);
  found->second->answered.Signal();
}

void HostSession::Close(const absl::Status& why) const {
  const absl::MutexLock lock(&mutex_);
  if (!closed_.ok()) return;
  closed_ = why;
  turn_.SignalAll();
  for (const auto& [id, waiting] : waiting_) waiting->answered.Signal();
}

int HostSession::load() const {
  const absl::MutexLock lock(&mutex_);
  return running_ + queued_;
}

bool HostSession::closed() const {
  const absl::MutexLock lock(&mutex_);
  return !closed_.ok();
}

}  // namespace recsae::probe
