#include "services/probe/torch/torch_link.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/log.h"

namespace recsae::probe {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(5);
// For a module's answer when its caller has gone: most are quick, another child is not.
constexpr absl::Duration kGrace = absl::Milliseconds(250);

}  // namespace

TorchLink::TorchLink(Launcher& launcher, ChildTask task, std::unique_ptr<ChildProcess> child)
    : launcher_(launcher),
      task_(std::move(task)),
      child_(std::make_shared<ChildCalls>(std::move(child))) {}

absl::Status TorchLink::TakeTurn(const std::function<bool()>& cancelled) const {
  absl::MutexLock lock(&line_mutex_);
  const void* const place = &cancelled;
  line_.push_back(place);
  const auto next = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(line_mutex_) {
    return line_.front() == place && running_ < parallel_calls();
  };
  while (!line_mutex_.AwaitWithTimeout(absl::Condition(&next),
                                       cancelled ? kPoll : absl::InfiniteDuration())) {
    line_mutex_.Unlock();
    const bool gone = cancelled();
    line_mutex_.Lock();
    if (!gone) continue;
    line_.remove(place);
    return Error(absl::StatusCode::kCancelled, "CANCELLED", "the caller has gone");
  }
  line_.pop_front();
  ++running_;
  return absl::OkStatus();
}

void TorchLink::GiveTurn() const {
  absl::MutexLock lock(&line_mutex_);
  --running_;
}

absl::StatusOr<std::shared_ptr<ChildCalls>> TorchLink::Running(
    const std::function<bool()>& cancelled) const {
  absl::MutexLock lock(&child_mutex_);
  if (child_ != nullptr && !child_->ended()) return child_;
  child_ = nullptr;
  RECSAE_ASSIGN_OR_RETURN(ReadyChild started, StartChild(launcher_, task_, cancelled));
  child_ = std::make_shared<ChildCalls>(std::move(started.process));
  return child_;
}

absl::Status TorchLink::Explain(const absl::Status& status, ChildCalls& calls) const {
  const std::string reason = Reason(status);
  if (reason == "HOST_AWAY") {
    const absl::Status ended = ChildEnded(task_.foreign, calls.child().Ending());
    Log(Severity::kWarning, "a recsae-torch-host ended", {{"error", ended}});
    return ended;
  }
  return reason == "HOST_SLOW" ? ChildSlow(task_.limit) : status;
}

absl::StatusOr<hosts::v1::Answer> TorchLink::Call(hosts::v1::Call call,
                                                  const std::function<bool()>& cancelled) const {
  RECSAE_RETURN_IF_ERROR(TakeTurn(cancelled));
  absl::StatusOr<std::shared_ptr<ChildCalls>> calls = Running(cancelled);
  if (!calls.ok()) {
    GiveTurn();
    return calls.status();
  }
  std::function<bool()> gone = cancelled;
  if (task_.foreign && cancelled) {
    gone = [&cancelled, since = absl::InfiniteFuture()]() mutable {
      if (since == absl::InfiniteFuture() && cancelled()) since = absl::Now();
      return absl::Now() > since + kGrace;
    };
  }
  const absl::Time deadline = task_.foreign ? absl::Now() + task_.limit : absl::InfiniteFuture();
  absl::StatusOr<hosts::v1::Answer> answer = (*calls)->Call(std::move(call), deadline, gone);
  const std::string reason = Reason(answer.status());
  const bool unanswered = reason == "HOST_SLOW" || reason == "CANCELLED";
  if (task_.foreign && unanswered) (*calls)->child().Ending();  // the next one does not meet it
  if (!answer.ok()) answer = Explain(answer.status(), **calls);
  GiveTurn();
  return answer;
}

int64_t TorchLink::PrivateBytes() const {
  absl::MutexLock lock(&child_mutex_);
  return child_ == nullptr ? 0 : child_->child().PrivateBytes();
}

}  // namespace recsae::probe
