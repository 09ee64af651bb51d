// Client contexts that end with their caller.
#include "services/explainer/peers/caller.h"

#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>

#include <memory>

#include "common/base/status.h"
#include "common/client/retry.h"
#include "common/jobs/job_runner.h"
#include "common/rpc/guard.h"

namespace recsae::explainer {

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
  if (job_ != nullptr) {
    const auto cancel = job_->OnCancel([&context] { context.TryCancel(); });
    return call(context);
  }
  SetDeadline(context, timeout_);
  const std::stop_callback cancel(stop_, [&context] { context.TryCancel(); });
  return call(context);
}

absl::Status Caller::Call(absl::FunctionRef<absl::Status(grpc::ClientContext&)> call) const {
  RetryOptions options;
  options.attempts = job_ == nullptr ? 1 : 10;
  if (job_ != nullptr) options.cancelled = [this] { return !Alive().ok(); };
  const absl::Status status = Retry(options, [&] { return CallOnce(call); });
  if (!status.ok()) RECSAE_RETURN_IF_ERROR(Alive());
  return status;
}

}  // namespace recsae::explainer
