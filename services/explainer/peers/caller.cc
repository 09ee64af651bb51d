// Client contexts that end with their caller.
#include "services/explainer/peers/caller.h"

#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/client/retry.h"
#include "common/jobs/job_runner.h"
#include "common/rpc/guard.h"

namespace recsae::explainer {
namespace {

// What a job's call becomes whose peer was silent for too long; `status` names it.
absl::Status Silent(const absl::Status& status) {
  return Error(absl::StatusCode::kUnavailable, "PEER_UNAVAILABLE",
               absl::StrCat("silent for too long: ", status.message()), Metadata(status));
}

}  // namespace

absl::Status Caller::Alive() const {
  if (server_ != nullptr) return CheckAlive(server_);
  if (job_ != nullptr) return job_->Interrupted();
  if (stop_.stop_requested()) {
    return Error(absl::StatusCode::kAborted, "SERVER_DRAINING", "the server stops");
  }
  return absl::OkStatus();
}

absl::Status Caller::CallOnce(absl::FunctionRef<absl::Status(grpc::ClientContext&)> call) const {
  if (server_ != nullptr) return call(*grpc::ClientContext::FromServerContext(*server_));
  grpc::ClientContext context;
  SetDeadline(context, timeout_);
  if (job_ != nullptr) {
    const auto cancel = job_->OnCancel([&context] { context.TryCancel(); });
    const absl::Status status = call(context);
    return absl::IsDeadlineExceeded(status) ? Silent(status) : status;
  }
  const std::stop_callback cancel(stop_, [&context] { context.TryCancel(); });
  return call(context);
}

absl::Status Caller::StreamOnce(absl::FunctionRef<absl::Status(grpc::ClientContext&, Heard)> call,
                                Heard heard) const {
  if (job_ == nullptr) {
    return CallOnce([&](grpc::ClientContext& context) { return call(context, heard); });
  }
  grpc::ClientContext context;
  const auto cancel = job_->OnCancel([&context] { context.TryCancel(); });
  IdleLimit limit(context, timeout_);
  limit.Start();
  const absl::Status status = call(context, [&] {
    limit.Start();
    heard();
  });
  return absl::IsCancelled(status) && limit.exceeded() ? Silent(status) : status;
}

absl::Status Caller::Repeat(absl::FunctionRef<absl::Status()> call,
                            std::function<bool()> progressed) const {
  RetryOptions options;
  options.attempts = job_ == nullptr ? 1 : 10;
  options.give_up_after = timeout_;
  options.progressed = std::move(progressed);
  if (job_ != nullptr) options.cancelled = [this] { return !Alive().ok(); };
  const absl::Status status = Retry(options, call);
  if (!status.ok()) RECSAE_RETURN_IF_ERROR(Alive());
  return status;
}

absl::Status Caller::Call(absl::FunctionRef<absl::Status(grpc::ClientContext&)> call) const {
  return Repeat([&] { return CallOnce(call); }, nullptr);
}

absl::Status Caller::Stream(absl::FunctionRef<absl::Status(grpc::ClientContext&, Heard)> call,
                            bool goes_on) const {
  bool heard = false;
  const auto progressed = [&] { return std::exchange(heard, false) && goes_on; };
  return Repeat([&] { return StreamOnce(call, [&heard] { heard = true; }); }, progressed);
}

}  // namespace recsae::explainer
