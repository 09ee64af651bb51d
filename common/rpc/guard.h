// The edge between an RPC handler and the logic behind it.
//
//   grpc::Status ProbeService::GetCatalog(grpc::ServerContext* context,
//                                         const GetCatalogRequest* request, Catalog* response) {
//     return Guard(context, [&] { return catalogs_->Get(request->name(), response); });
//   }
#ifndef RECSAE_COMMON_RPC_GUARD_H_
#define RECSAE_COMMON_RPC_GUARD_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace grpc {
class ServerContextBase;
}  // namespace grpc

namespace recsae {

// OK, or CANCELLED (reason CALL_CANCELLED) or DEADLINE_EXCEEDED (reason DEADLINE_PASSED) once the
// caller no longer waits. Long handlers call it between steps, at least every 50 ms.
absl::Status CheckAlive(const grpc::ServerContextBase* context);

// Metadata of a call in which the server itself says who its caller is (common/access names them;
// what a caller sends under these keys is removed): their name and their role.
inline constexpr char kCallerNameKey[] = "recsae-caller-name";
inline constexpr char kCallerRoleKey[] = "recsae-caller-role";

// The first value of a key of a call's metadata; "" without one.
std::string ClientMetadata(const grpc::ServerContextBase& context, const char* key);

// Runs `handler` unless the caller has already gone, and returns its status for the wire. Meanwhile
// CheckCaller (common/base/caller.h) tells all that runs below it what CheckAlive says, and
// CallerName and CallerParty who calls, CurrentTrace (common/base/trace.h) the call's trace. An
// exception becomes INTERNAL (reason INTERNAL_ERROR), is logged, and tells the caller no detail; an
// allocation that failed becomes RESOURCE_EXHAUSTED (OUT_OF_MEMORY). Work that ended because the
// call was cancelled or its time was up reports just that.
grpc::Status Guard(const grpc::ServerContextBase* context,
                   absl::FunctionRef<absl::Status()> handler);

// The same for a stream that holds its thread from its first message to its last: there are so many
// at a time at most, in all and from one address, that other calls find threads. One more ends
// RESOURCE_EXHAUSTED (OVERLOADED).
grpc::Status GuardStream(const grpc::ServerContextBase* context,
                         absl::FunctionRef<absl::Status()> handler);

// The same for what runs in a thread or a callback of our own: nobody above would take an
// exception, which would end the process, or leave a call open for ever. `what` names the work
// ("serving watches") in the log and in the status that an exception becomes. Whoever loops waits a
// little and goes on.
absl::Status Contain(absl::string_view what, absl::FunctionRef<absl::Status()> work) noexcept;

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_GUARD_H_
