#include "common/rpc/guard.h"

#include <grpcpp/server_context.h>

#include <chrono>
#include <exception>
#include <new>

#include "common/base/caller.h"
#include "common/base/status.h"
#include "common/budget/memory_budget.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/log.h"

namespace recsae {
namespace {

absl::Status Failed(absl::string_view what) {
  Log(Severity::kError, "handler failed", {{"exception", what}});
  return Error(absl::StatusCode::kInternal, "INTERNAL_ERROR",
               "the server failed while it handled this call; its log says more");
}

absl::Status Run(absl::FunctionRef<absl::Status()> handler) {
  try {
    return handler();
  } catch (const std::bad_alloc&) {
    Log(Severity::kError, "out of memory", {});
    return AllocationFailed("this call");
  } catch (const std::exception& error) {
    return Failed(error.what());
  } catch (...) {
    return Failed("of an unknown type");
  }
}

}  // namespace

absl::Status CheckAlive(const grpc::ServerContextBase* context) {
  if (context->deadline() <= std::chrono::system_clock::now()) {
    return Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                 "the time that the caller gave this call is up; call again with a later deadline");
  }
  if (context->IsCancelled()) {
    return Error(absl::StatusCode::kCancelled, "CALL_CANCELLED", "the call was cancelled");
  }
  return absl::OkStatus();
}

grpc::Status Guard(const grpc::ServerContextBase* context,
                   absl::FunctionRef<absl::Status()> handler) {
  absl::Status status = CheckAlive(context);
  if (!status.ok()) return ToGrpc(status);
  {
    const CallerScope caller([context] { return CheckAlive(context); });
    status = Run(handler);
  }
  // Work that broke off because its caller is gone may report that in any way (a peer's error, a
  // stream that ended); the cause is what counts.
  if (!status.ok()) {
    if (const absl::Status alive = CheckAlive(context); !alive.ok()) return ToGrpc(alive);
  }
  return ToGrpc(status);
}

}  // namespace recsae
