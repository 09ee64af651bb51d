#include "common/rpc/guard.h"

#include <grpcpp/server_context.h>

#include <chrono>
#include <exception>
#include <new>

#include "absl/strings/str_cat.h"
#include "common/base/caller.h"
#include "common/base/status.h"
#include "common/base/trace.h"
#include "common/budget/memory_budget.h"
#include "common/rpc/call_trace.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/log.h"

namespace recsae {
namespace {

constexpr char kThisCall[] = "this call";

absl::Status Failed(absl::string_view what, absl::string_view exception) {
  Log(Severity::kError, "handler failed", {{"work", what}, {"exception", exception}});
  return Error(absl::StatusCode::kInternal, "INTERNAL_ERROR",
               absl::StrCat("the server failed in ", what, "; its log says more"));
}

absl::Status Run(absl::string_view what, absl::FunctionRef<absl::Status()> work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    Log(Severity::kError, "out of memory", {{"work", what}});
    return AllocationFailed(what);
  } catch (const std::exception& error) {
    return Failed(what, error.what());
  } catch (...) {
    return Failed(what, "of an unknown type");
  }
}

}  // namespace

absl::Status Contain(absl::string_view what, absl::FunctionRef<absl::Status()> work) noexcept {
  try {
    return Run(what, work);
  } catch (...) {  // No room even to say so: a status without a message needs none.
    return absl::Status(absl::StatusCode::kResourceExhausted, "");
  }
}

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
    const TraceScope trace(TraceOf(context));
    status = Contain(kThisCall, handler);
  }
  // Work that broke off because its caller is gone may report that in any way (a peer's error, a
  // stream that ended); the cause is what counts.
  if (!status.ok()) {
    if (const absl::Status alive = CheckAlive(context); !alive.ok()) return ToGrpc(alive);
  }
  return ToGrpc(status);
}

}  // namespace recsae
